"""A membership attack in a package of its own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks import Knowledge
from reticent.core import Candidates, Channel, Family, MembershipClaim, NotEnoughKnowledge


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifiedEntropy:
    """Score a candidate by how settled the model is on its true class.

    Attributes:
        floor: probabilities below it count as it, so that the logarithms stay finite.
    """

    name: ClassVar[str] = "modified-entropy"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = Channel.SCORES | Channel.TOP_K
    wants: ClassVar[frozenset[str]] = frozenset()
    cost: ClassVar[str] = "1 query a candidate"
    source: ClassVar[str] = "Song & Mittal 2021, equation 8, https://arxiv.org/abs/2003.10595"

    floor: float = 1e-12

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return minus the modified entropy of each answer, (n,): higher means more a member.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (no outcomes).
        """
        if candidates.y is None:
            raise NotEnoughKnowledge(
                "modified-entropy has not seen the outcomes of the candidates.",
                way_out="Let the adversary see y.",
            )
        scores = np.nan_to_num(access.scores(candidates.x))  # NaN: withheld, at most a trace
        p = np.clip(scores, self.floor, 1 - self.floor)
        own = np.zeros_like(p, dtype=bool)
        own[np.arange(len(p)), candidates.y] = True
        terms = np.where(own, (1 - p) * np.log(p), p * np.log1p(-p))
        return MembershipClaim(scores=terms.sum(axis=1))
