"""Extraction as a stepping stone: copy the model, then guess attributes on the copy for free."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._beliefs import fit_beliefs
from reticent.attacks._complete import (
    Puzzle,
    check_size,
    combinations,
    filled,
    joint_log_prior,
    marginals,
    puzzle,
)
from reticent.attacks._encode import log_normalise
from reticent.attacks._membership_signal import ANSWERS
from reticent.attacks._posterior import Strength, guess
from reticent.attacks._surrogate import Surrogate, copy_model
from reticent.attacks.base import Knowledge
from reticent.core import (
    AttributeClaim,
    Candidates,
    Channel,
    Column,
    Family,
    Floats,
    Inputs,
    Ints,
    NotEnoughKnowledge,
    take,
)

DOUBT = 0.02  # a copy is never certain of what the model says


@dataclass(frozen=True, slots=True, kw_only=True)
class SurrogateMap:
    """Copy the model into trees, then weigh every value of a hidden column by the copy's paths.

    The number of questions is fixed beforehand and does not grow with the people or the values:
    some completed candidates are asked about, the rest of the questions goes to the population and
    to the boundary, and everything else is read off the copy's leaves. Where the outcome is known,
    values under which the copy finds that outcome likely gain; else those under which it is sure.

    Differs from the papers: the white-box step runs on a copy that was fitted to answers, so leaf
    counts stand for the model's behaviour and never for its training rows.

    Attributes:
        queries: most questions; fewer where the query budget ends.
        strength: learners that the prior is chosen from.
        max_completions: most combinations of values a record that are tried.
    """

    name: ClassVar[str] = "surrogate-map"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"population", "domains"})
    cost: ClassVar[str] = "1,000 queries in all, whatever the number of people"
    source: ClassVar[str] = (
        "Tramèr et al. 2016, Stealing Machine Learning Models via Prediction APIs, "
        "https://arxiv.org/abs/1609.02943, then Fredrikson et al. 2015, section 4, "
        "https://doi.org/10.1145/2810103.2813677"
    )

    queries: int = 1000
    strength: Strength = "fast"
    max_completions: int = 512

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> AttributeClaim:
        """Return a posterior per candidate and hidden column.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge, BadInput.
        """
        if knowledge.population is None:
            raise NotEnoughKnowledge(
                f"{self.name} asks about rows of its own and was given none.",
                way_out="Set aside auxiliary rows.",
            )
        holes = puzzle(candidates, knowledge, attack=self.name)
        check_size(holes, self.max_completions, self.name)
        places = combinations(holes.domains)
        rows = _completed(holes, places)
        # Whole people: a person's completions can only be compared with each other.
        order = rng.permutation(len(candidates))
        ahead = take(rows, (order[:, None] * holes.size + np.arange(holes.size)).ravel())
        copy = copy_model(
            access,
            knowledge.population,
            rng,
            queries=self.queries,
            learners=("paths",),
            ahead=ahead,
            attack=self.name,
        )
        found = evidence_of(copy, rows, candidates.y, len(access.classes), holes.size)
        fitted = fit_beliefs(holes, knowledge, sees_outcome=False, strength=self.strength, rng=rng)
        priors = [p.log_proba(holes.x, None) for p in fitted]
        joint = log_normalise(joint_log_prior(priors) + found)
        return _claim(holes, joint, copy)


def evidence_of(copy: Surrogate, rows: Inputs, y: Column | None, classes: int, k: int) -> Floats:
    """Return (n, k) nats that the copy gives each of k completions of n records.

    Args:
        copy: the surrogate.
        rows: n * k completed records, completion j of record i at i * k + j.
        y: (n,) outcomes, or None.
        classes: number of the model's classes; 0 for a regressor.
        k: completions a record.

    Raises: NotEnoughKnowledge if the model is a regressor and the outcomes are not known.
    """
    if classes:
        p = copy.scores(rows, classes)
        own = p.max(axis=1) if y is None else p[np.arange(len(p)), np.repeat(y, k)]
        return np.asarray(np.log(DOUBT + (1 - DOUBT) * own).reshape(-1, k))
    values = copy.answer(rows).values
    if y is None or values is None:
        raise NotEnoughKnowledge(
            "surrogate-map cannot tell a good value from a bad one without the outcome.",
            way_out="Let the adversary see y.",
        )
    missed = np.abs(values.reshape(-1, k) - np.asarray(y)[:, None])
    near, usual = np.median(missed.min(axis=1)), np.median(missed)
    return np.asarray(-missed / (float(max(near, usual / 10)) or 1.0))


def _completed(holes: Puzzle, places: tuple[Ints, ...]) -> Inputs:
    fillings = {
        column: np.asarray(domain.values)[place]
        for column, domain, place in zip(holes.hidden, holes.domains, places, strict=True)
    }
    return filled(holes.x, fillings, holes.columns)


def _claim(holes: Puzzle, joint: Floats, copy: Surrogate) -> AttributeClaim:
    guesses: dict[str, Column] = {}
    posterior: dict[str, Floats] = {}
    confidence = np.ones(len(joint))
    logs = marginals(joint, holes.sizes)
    for column, domain, log_p in zip(holes.hidden, holes.domains, logs, strict=True):
        best, sure = guess(domain, log_p)
        guesses[column] = np.asarray(domain.values)[best]
        posterior[column] = np.exp(log_p)
        confidence = confidence * sure
    return AttributeClaim(
        guesses=guesses,
        confidence=confidence,
        posterior=posterior,
        notes={
            "fidelity": copy.fidelity,
            "held_out": copy.held_out,
            "queries": copy.queries,
        },
    )
