"""Robust membership inference: does the candidate stand out more than strangers do?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_scores import rmia
from reticent.attacks._membership_signal import ANSWERS, observe
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Channel, Family, MembershipClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class Rmia:
    """RMIA: the share of population records whose likelihood ratio the candidate's dominates.

    Attributes:
        gamma: how far it must dominate, at least 1; unitless.
        a: where no reference model was trained on the candidate, how its mean answer stands in
            for both sides, in [0, 1].
        population: the most population records to ask about; each costs a query.

    Differs from the paper: reference masks need not be complementary pairs; equal shares are
    ordered by the candidate's own ratio; `a` is a setting, not fitted. Labels alone count as a
    probability of .99 or .01, a regressor's error as a normal density.
    """

    name: ClassVar[str] = "rmia"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"references", "population"})
    cost: ClassVar[str] = "1 query a candidate and a population record; from 1 reference model"
    source: ClassVar[str] = (
        "Zarifzadeh, Liu, Shokri 2024, Low-Cost High-Power Membership Inference Attacks, "
        "https://arxiv.org/abs/2312.03262"
    )

    gamma: float = 2.0
    a: float = 0.3
    population: int = 2000

    def __post_init__(self) -> None:
        if not self.gamma >= 1:
            raise ValueError(f"gamma is {self.gamma}; it must be 1 or more.")
        if not 0 <= self.a <= 1:
            raise ValueError(f"a is {self.a}; it must be in [0, 1].")
        if self.population < 1:
            raise ValueError(f"population is {self.population}; it must be 1 or more.")

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return the share of the population that each candidate dominates.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (no reference model or population).
        """
        seen = observe(
            access,
            candidates,
            knowledge,
            rng,
            attack=self.name,
            references=1,
            z=self.population,
            needs_z=True,
        )
        return MembershipClaim(
            scores=rmia(seen, gamma=self.gamma, a=self.a),
            notes={
                "signal": str(seen.kind),
                "references": len(seen.references),
                "population": len(seen.target_z),
            },
        )
