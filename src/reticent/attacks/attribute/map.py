"""Fredrikson's MAP: fill the hole with every value, ask, and weigh the answers by the priors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from reticent.access import PREDICTED, Access
from reticent.attacks._beliefs import believe, claim, fit_beliefs, learners_of
from reticent.attacks._complete import (
    Answers,
    Puzzle,
    ask,
    ask_jointly,
    joint_log_prior,
    marginals,
    puzzle,
)
from reticent.attacks._encode import log_normalise
from reticent.attacks._posterior import Strength, guess
from reticent.attacks.attribute import _evidence as evidence
from reticent.attacks.attribute._performance import measure
from reticent.attacks.base import Knowledge
from reticent.core import (
    AttributeClaim,
    BadInput,
    Candidates,
    Channel,
    Column,
    Family,
    Floats,
)

FLAT_NATS = 1e-6  # evidence that differs by less tells no values apart


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Prior:
    """Beliefs for each hidden column, (n, k) log-probabilities.

    Attributes:
        moving: given the known columns: what evidence that includes the outcome multiplies.
        at_rest: given the outcome too: what stands where the evidence is flat.
    """

    moving: list[Floats]
    at_rest: list[Floats]
    learners: dict[str, Any]

    @classmethod
    def learn(
        cls,
        holes: Puzzle,
        candidates: Candidates,
        knowledge: Knowledge,
        *,
        strength: Strength,
        rng: np.random.Generator,
    ) -> "_Prior":
        fitted = fit_beliefs(holes, knowledge, sees_outcome=False, strength=strength, rng=rng)
        moving = believe(fitted, holes, candidates)
        if candidates.y is None:
            return cls(moving=moving, at_rest=moving, learners=learners_of(fitted))
        fitted = fit_beliefs(
            holes, knowledge, sees_outcome=True, strength=strength, rng=rng, like=fitted
        )
        at_rest = believe(fitted, holes, candidates)
        return cls(moving=moving, at_rest=at_rest, learners=learners_of(fitted))

    def weighed(self, moving: Floats, at_rest: Floats, found: Floats) -> Floats:
        """Return the (n, k) posterior."""
        flat = np.ptp(found, axis=1) <= FLAT_NATS
        return log_normalise(np.where(flat[:, None], at_rest, moving) + found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """Maximum a posteriori over the values that the hidden columns could have.

    posterior(v) ~ prior(v | known columns) x p(outcome | answer to the record filled with v),
    and, where the answer on the true record was seen, x [the answer to the filled record is
    that answer]. Works with whatever is there: scores or part of them, labels (confusion
    matrix) or values (residuals); the outcome, the observed answer, both, or neither (then the
    model's confidence).

    Differs from the papers: the prior is conditional on the known columns where auxiliary
    records allow; several hidden columns are completed jointly; and where the answers do not
    tell the values apart, the prior that has seen the outcome stands, as in imputation. (Where
    they do, the outcome already counts through the model: counting it twice costs accuracy.)

    Attributes:
        prior: "known" learns the prior from the known columns, "marginal" from nothing (the
            papers' choice).
        weight: power of the outcome's likelihood; 1 is Bayes' rule.
        strength: learners that the prior is chosen from.
        calibration_queries: most queries spent on the adversary's own records to measure the
            model's performance where neither shadows nor scores tell it.
        max_completions: above this many combinations of several hidden columns, they are
            improved one after the other.
        sweeps: rounds of that.
        refinements: points tried between neighbours of a continuous column's best grid value.
    """

    name: ClassVar[str] = "map"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = PREDICTED
    wants: ClassVar[frozenset[str]] = frozenset({"domains"})
    cost: ClassVar[str] = "one query per candidate and value; learners on the auxiliary records"
    source: ClassVar[str] = (
        "Fredrikson et al., 'Privacy in Pharmacogenetics', USENIX Security 2014; 'Model Inversion "
        "Attacks that Exploit Confidence Information', CCS 2015, "
        "https://doi.org/10.1145/2810103.2813677"
    )

    prior: Literal["known", "marginal"] = "known"
    weight: float = 1.0
    strength: Strength = "strong"
    calibration_queries: int = 500
    max_completions: int = 512
    sweeps: int = 2
    refinements: int = 8

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise BadInput(f"weight is {self.weight}; it must be 0 or more.")
        if self.max_completions < 2 or self.sweeps < 1:
            raise BadInput(
                f"max_completions is {self.max_completions} and sweeps {self.sweeps}; they must "
                "be at least 2 and 1."
            )

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> AttributeClaim:
        """Return a posterior per candidate and hidden column."""
        holes = puzzle(candidates, knowledge, attack=self.name)
        prior = _Prior.learn(
            holes,
            candidates,
            knowledge,
            strength="prior" if self.prior == "marginal" else self.strength,
            rng=rng,
        )
        notes: dict[str, Any] = {"learners": prior.learners, "prior": self.prior}
        scored = bool((Channel.SCORES | Channel.TOP_K) & access.channels)
        if candidates.y is None and candidates.observed is None and not scored:
            notes["asked"] = "nothing: a label or value says nothing when no outcome was seen"
            return claim(holes, prior.at_rest, notes)
        performance, notes["performance"] = measure(
            access,
            knowledge,
            outcome_seen=candidates.y is not None,
            reserve=len(holes.x) * min(holes.size, self.max_completions),
            most=self.calibration_queries,
            rng=rng,
        )

        def weigh(answers: Answers) -> Floats:
            return self._weigh(answers, candidates, performance)

        if holes.size <= self.max_completions:
            log_posteriors = self._jointly(access, holes, prior, weigh, notes)
        else:
            log_posteriors = self._in_turn(access, holes, prior, weigh, notes)
        finer = self._refine(access, holes, log_posteriors, weigh)
        return claim(holes, log_posteriors, notes, finer)

    def _weigh(
        self, answers: Answers, candidates: Candidates, performance: evidence.Performance
    ) -> Floats:
        found = np.zeros((len(candidates), answers.k))
        if candidates.observed is not None:
            found = found + evidence.of_match(answers, candidates.observed)
        if candidates.y is not None:
            found = found + self.weight * evidence.of_outcome(answers, candidates.y, performance)
        elif candidates.observed is None:
            found = found + self.weight * evidence.of_confidence(answers)
        return np.where(answers.asked[:, None], found, 0.0)

    def _jointly(
        self,
        access: Access,
        holes: Puzzle,
        prior: _Prior,
        weigh: Callable[[Answers], Floats],
        notes: dict[str, Any],
    ) -> list[Floats]:
        """Ask about every combination of values."""
        moving = joint_log_prior(prior.moving)
        answers = ask_jointly(
            access,
            holes,
            most=self.max_completions,
            attack=self.name,
            urgency=-moving.max(axis=1),
        )
        notes["records_asked"] = int(answers.asked.sum())
        found = prior.weighed(moving, joint_log_prior(prior.at_rest), weigh(answers))
        return marginals(found, holes.sizes)

    def _in_turn(
        self,
        access: Access,
        holes: Puzzle,
        prior: _Prior,
        weigh: Callable[[Answers], Floats],
        notes: dict[str, Any],
    ) -> list[Floats]:
        """Coordinate ascent: each hidden column in turn, the others at their best guess."""
        found = list(prior.at_rest)
        notes["completed"] = f"in turn, {self.sweeps} sweeps: {holes.size} combinations a record"
        notes["records_asked"] = len(holes.x)
        for _ in range(self.sweeps):
            for j, domain in enumerate(holes.domains):
                fillings = self._around(holes, found, j, np.asarray(domain.values))
                urgency = -found[j].max(axis=1)
                answers = ask(access, holes.x, fillings, holes.columns, urgency=urgency)
                notes["records_asked"] = min(notes["records_asked"], int(answers.asked.sum()))
                found[j] = prior.weighed(prior.moving[j], prior.at_rest[j], weigh(answers))
        return found

    def _around(
        self, holes: Puzzle, found: list[Floats], column: int, values: Column
    ) -> dict[str, Column]:
        """Return fillings that vary one column and hold the others at their best guess."""
        n, k = len(holes.x), values.shape[-1]
        fillings: dict[str, Column] = {}
        for j, (name, domain) in enumerate(zip(holes.hidden, holes.domains, strict=True)):
            if j == column:
                fillings[name] = np.broadcast_to(values, (n, k))
            else:
                best = np.asarray(domain.values)[guess(domain, found[j])[0]]
                fillings[name] = np.broadcast_to(best[:, None], (n, k))
        return fillings

    def _refine(
        self,
        access: Access,
        holes: Puzzle,
        found: list[Floats],
        weigh: Callable[[Answers], Floats],
    ) -> dict[str, Column]:
        """Look between the grid's points, where they are further apart than counts as right."""
        finer: dict[str, Column] = {}
        for j, (name, domain) in enumerate(zip(holes.hidden, holes.domains, strict=True)):
            if not domain.continuous or self.refinements < 1 or len(domain.values) < 2:
                continue
            grid = np.sort(np.asarray(domain.values, dtype=np.float64))
            if float(np.diff(grid).max()) <= 2 * domain.tol:
                continue
            left = access.queries_left
            cost = len(holes.x) * (2 * self.refinements + 1)
            if left is not None and left < cost:
                continue
            best = np.asarray(domain.values, dtype=np.float64)[guess(domain, found[j])[0]]
            points = _between(grid, best, self.refinements)
            answers = ask(access, holes.x, self._around(holes, found, j, points), holes.columns)
            order = np.argsort(domain.values)
            log_p = found[j][:, order]
            prior = np.stack(
                [np.interp(p, grid, row) for p, row in zip(points, log_p, strict=True)]
            )
            # Where the finer answers do not tell points apart, the grid's own guess stands.
            middle = np.abs(points - best[:, None])
            score = np.round(weigh(answers), 9) + 1e-6 * prior - 1e-9 * middle
            finer[name] = points[np.arange(len(points)), np.argmax(score, axis=1)]
        return finer


def _between(grid: Floats, best: Floats, steps: int) -> Floats:
    """Return (n, 2 * steps + 1) points from the grid point below each best one to that above."""
    place = np.searchsorted(grid, best)
    low = grid[np.maximum(place - 1, 0)]
    high = grid[np.minimum(place + 1, len(grid) - 1)]
    share = np.arange(1, steps + 1) / (steps + 1)
    below = low[:, None] + share * (best - low)[:, None]
    above = best[:, None] + share * (high - best)[:, None]
    return np.hstack([below, best[:, None], above])
