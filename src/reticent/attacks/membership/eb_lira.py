"""LiRA for a handful of reference models: what they cannot say is learnt from all candidates."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_bayes import eb_lira
from reticent.attacks._membership_signal import ANSWERS, observe
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Channel, Family, MembershipClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class EbLira:
    """Empirical-Bayes LiRA: shrunken variances and IN means, Student-t predictive.

    Differs from Carlini et al. as `attacks._membership_bayes.eb_lira` says; works with masks of
    any kind, and with offline references alone (then it is offline LiRA with shrunken variances).
    """

    name: ClassVar[str] = "eb-lira"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
    cost: ClassVar[str] = "1 query a candidate; from 2 reference models"
    source: ClassVar[str] = (
        "LiRA (https://arxiv.org/abs/2112.03570) with the empirical Bayes of Smyth 2004, Linear "
        "Models and Empirical Bayes Methods, https://doi.org/10.2202/1544-6115.1027"
    )

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return the log likelihood ratio of each candidate.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (fewer than 2 reference models).
        """
        seen = observe(access, candidates, knowledge, rng, attack=self.name, references=2)
        return MembershipClaim(
            scores=eb_lira(seen),
            notes={"signal": str(seen.kind), "references": len(seen.references)},
        )
