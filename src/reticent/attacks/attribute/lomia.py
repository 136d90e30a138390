"""Label-only attack: learn from the records that only one value explains, guess the rest."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._beliefs import claim
from reticent.attacks._complete import Puzzle, ask_jointly, combinations, puzzle
from reticent.attacks._posterior import Strength, fit_posterior
from reticent.attacks.attribute._cases import reference
from reticent.attacks.base import Knowledge
from reticent.core import (
    AttributeClaim,
    Bools,
    Candidates,
    Channel,
    Family,
    Floats,
    Ints,
    NotExposed,
    Population,
)

SURE = np.log(0.98)  # probability given to a value that alone makes the model right


@dataclass(frozen=True, slots=True, kw_only=True)
class Lomia:
    """LOMIA: a record that only one of its possible values makes the model right about is solved.

    The solved records, their outcomes and the values found are training data for a learner that
    guesses the others. No auxiliary records are used: it lives off the model alone. Where
    nothing is solved, the domain's prior decides.

    Differs from the paper: more than two values, and several hidden columns, are allowed; the
    learner is the best of prior, linear learner and boosting by cross-validation.

    Attributes:
        strength: learners that may be used on the solved records.
        max_completions: most combinations of values a record that are tried.
    """

    name: ClassVar[str] = "lomia"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = Channel.LABEL
    wants: ClassVar[frozenset[str]] = frozenset({"domains"})
    cost: ClassVar[str] = "one query per candidate and value; a learner on the solved records"
    source: ClassVar[str] = (
        "Mehnaz et al., 'Are Your Sensitive Attributes Private?', USENIX Security 2022, "
        "https://arxiv.org/abs/2201.09370"
    )

    strength: Strength = "strong"
    max_completions: int = 512

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> AttributeClaim:
        """Return a guess per candidate; solved records are the surest."""
        holes = puzzle(candidates, knowledge, attack=self.name)
        y = reference(candidates, attack=self.name)
        if not self.accepts & access.channels:
            raise NotExposed(f"{self.name} needs labels, and none are shown.")
        answers = ask_jointly(access, holes, most=self.max_completions, attack=self.name)
        if answers.labels is None:
            raise NotExposed(f"{self.name} got answers without labels.")
        right = (answers.labels == y[:, None]) & answers.asked[:, None]
        solved, value = only_one(right)
        notes: dict[str, Any] = {"solved": int(solved.sum())}
        places = [place[value] for place in combinations(holes.domains)]
        log_posteriors = [
            self._column(holes, j, y, solved, places[j], rng) for j in range(len(holes.hidden))
        ]
        return claim(holes, log_posteriors, notes)

    def _column(
        self,
        holes: Puzzle,
        j: int,
        y: Ints,
        solved: Bools,
        place: Ints,
        rng: np.random.Generator,
    ) -> Floats:
        """Return (n, k) log-probabilities of one hidden column."""
        column, domain = holes.hidden[j], holes.domains[j]
        rows = np.flatnonzero(solved)
        known = holes.x.iloc[rows].reset_index(drop=True)
        values = np.asarray(domain.values)[place[rows]]
        posterior = fit_posterior(
            column,
            domain,
            Population(x=known.assign(**{column: values}), y=y[rows]),
            holes.known,
            sees_outcome=True,
            strength=self.strength,
            rng=rng,
        )
        log_p = posterior.log_proba(holes.x, y).copy()
        k = len(domain.values)
        log_p[rows] = np.log((1 - np.exp(SURE)) / max(k - 1, 1))
        log_p[rows, place[rows]] = SURE if k > 1 else 0.0
        return log_p


def only_one(right: Bools) -> tuple[Bools, Ints]:
    """Return (n,) whether exactly one completion is right, and (n,) the first that is.

    >>> solved, value = only_one(np.array([[False, True], [True, True]]))
    >>> solved.tolist(), value.tolist()
    ([True, False], [1, 0])
    """
    return right.sum(axis=1) == 1, right.argmax(axis=1)
