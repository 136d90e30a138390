"""Right means member: the baseline that needs a label and nothing else."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_signal import Kind, confidence, outcomes_of
from reticent.attacks.base import Knowledge
from reticent.core import Answer, Candidates, Channel, Family, MembershipClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Score 1 where the model answers with the candidate's own label, else -1; 0 if it abstains.

    Its advantage is the generalisation gap: training accuracy minus test accuracy.
    """

    name: ClassVar[str] = "gap"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = Channel.LABEL
    wants: ClassVar[frozenset[str]] = frozenset()
    cost: ClassVar[str] = "1 query a candidate"
    source: ClassVar[str] = (
        "Yeom et al. 2018, theorem 3, https://arxiv.org/abs/1709.01604; "
        "the baseline of Choquette-Choo et al. 2021, https://arxiv.org/abs/2007.14321"
    )

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return whether each label is right.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (no outcomes).
        """
        y = outcomes_of(candidates, self.name)
        answer = Answer(labels=access.labels(candidates.x))
        return MembershipClaim(scores=confidence(answer, y, kind=Kind.LABELS))
