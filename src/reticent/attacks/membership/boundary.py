"""Labels only: members sit deeper inside their class, so it takes more to flip them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_bayes import eb_lira
from reticent.attacks._membership_features import blurred
from reticent.attacks._membership_signal import Kind, Signals, outcomes_of
from reticent.attacks.base import Knowledge
from reticent.core import (
    BudgetSpent,
    Candidates,
    Channel,
    Column,
    Family,
    Floats,
    Inputs,
    Ints,
    MembershipClaim,
)

STRENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)  # from a nudge to a stranger


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Disturb a candidate more and more; score how often its label stays right.

    Numbers get normal noise in units of their column's spread (whole numbers stay whole), columns
    of two values and text are redrawn from the column with a chance that grows alike. The share
    of right labels stands in for the distance to the decision boundary.

    With reference models the same disturbed questions are put to them, and the log-odds of the
    share are scored by empirical-Bayes LiRA: a record that is robust for every model is no member
    for that.

    Attributes:
        queries: questions a candidate, 2 or more; fewer if the query budget asks for it.
        references: the most reference models to ask; 0 scores by the share alone.

    Differs from the paper: noise at five strengths in place of one tuned strength or HopSkipJump
    (the paper's noise attack needs no tuning this way, and mixed columns have no gradient);
    calibration by reference models.
    """

    name: ClassVar[str] = "boundary"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = Channel.LABEL
    wants: ClassVar[frozenset[str]] = frozenset()
    cost: ClassVar[str] = "26 queries a candidate; reference models if there are any"
    source: ClassVar[str] = (
        "Choquette-Choo et al. 2021, Label-Only Membership Inference Attacks, section 3.4, "
        "https://arxiv.org/abs/2007.14321"
    )

    queries: int = 26
    references: int = 8

    def __post_init__(self) -> None:
        if self.queries < 2:
            raise ValueError(f"queries is {self.queries}; it must be 2 or more.")
        if self.references < 0:
            raise ValueError(f"references is {self.references}; it must be 0 or more.")

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return how firmly each candidate keeps its label.

        Raises: NotExposed, BudgetSpent (fewer than 2 queries a candidate are left),
            NotEnoughKnowledge (no outcomes).
        """
        y = outcomes_of(candidates, self.name)
        left = access.queries_left
        each = self.queries if left is None else min(self.queries, left // max(len(y), 1))
        if each < 2:
            raise BudgetSpent(
                f"{self.name} asks at least 2 questions a candidate and {left} queries are left "
                f"for {len(y)} candidates.",
                way_out="Raise query_budget, test fewer candidates, or choose gap.",
            )
        models = list(knowledge.references)[: self.references]
        right = np.zeros((1 + len(models), len(y)), dtype=np.int64)
        likeness = candidates.x if knowledge.population is None else knowledge.population.x
        for turn in range(each):
            x = self._disturbed(candidates.x, likeness, turn, rng)
            for i, door in enumerate([access, *(r.access for r in models)]):
                right[i] += _right(door, x, y)
        depth = depth_of(right, each)
        notes = {"queries_each": each, "references": len(models)}
        if len(models) < 2:
            return MembershipClaim(scores=depth[0], notes=notes)
        seen = Signals(
            kind=Kind.SCORES,
            target=depth[0],
            references=depth[1:],
            contains=np.array([r.contains for r in models]),
            target_z=np.empty(0),
            references_z=np.empty((len(models), 0)),
        )
        return MembershipClaim(scores=eb_lira(seen), notes=notes)

    def _disturbed(
        self, x: Inputs, likeness: Inputs, turn: int, rng: np.random.Generator
    ) -> Inputs:
        if turn == 0:
            return x
        return blurred(x, likeness, STRENGTHS[(turn - 1) % len(STRENGTHS)], rng)


def depth_of(right: Ints, asked: int) -> Floats:
    """Return log((right + 1/2) / (wrong + 1/2)), the log-odds of a right label.

    >>> depth_of(np.array([0, 4]), 4).round(3)
    array([-2.197,  2.197])
    """
    odds: Floats = np.log(right + 0.5) - np.log(asked - right + 0.5)
    return odds


def _right(door: Access, x: Inputs, y: Column) -> Ints:
    right: Ints = (door.labels(x) == y).astype(np.int64)
    return right
