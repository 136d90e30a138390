"""The surest answers are members: Yeom's loss attack."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_signal import ANSWERS, observe
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Channel, Family, MembershipClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Score a candidate by how little the model errs on it, against nothing.

    Blind to difficulty: an easy stranger looks like a member. It is the floor that every
    calibrated attack must beat.

    Differs from the paper: no threshold, the whole ranking is claimed; log-odds in place of the
    log-probability (the same order where every score is shown).
    """

    name: ClassVar[str] = "loss"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset()
    cost: ClassVar[str] = "1 query a candidate"
    source: ClassVar[str] = (
        "Yeom et al. 2018, Privacy Risk in Machine Learning, adversary 1, "
        "https://arxiv.org/abs/1709.01604"
    )

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return the confidence in each candidate's own outcome.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (no outcomes).
        """
        seen = observe(access, candidates, knowledge, rng, attack=self.name)
        return MembershipClaim(scores=seen.target, notes={"signal": str(seen.kind)})
