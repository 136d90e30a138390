"""Likelihood-ratio attacks: is the answer more like models with the candidate, or without?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_scores import lira_offline, lira_online
from reticent.attacks._membership_signal import ANSWERS, Signals, observe
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Channel, Family, MembershipClaim, NotEnoughKnowledge

SOURCE = (
    "Carlini et al. 2022, Membership Inference Attacks From First Principles, "
    "https://arxiv.org/abs/2112.03570"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiraOnline:
    """Online LiRA with a mean and a variance per candidate and side (algorithm 1).

    Differs from the paper: one query a candidate, no augmentations; the log-odds take the sum of
    the other probabilities; labels alone are scored by the ratio of right-answer rates, a
    regressor's by its absolute error.
    """

    name: ClassVar[str] = "lira-online"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
    cost: ClassVar[str] = "1 query a candidate; reference models trained on random halves"
    source: ClassVar[str] = SOURCE + ", algorithm 1"

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return the log likelihood ratio of each candidate.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (fewer than 4 reference models, or
            none that was trained on candidates).
        """
        seen = observe(access, candidates, knowledge, rng, attack=self.name, references=4)
        return _claim(_both_sides(seen, self.name), lira_online(seen))


@dataclass(frozen=True, slots=True, kw_only=True)
class LiraFixedVariance:
    """Online LiRA with a mean per candidate and side, and one variance a side.

    What its authors advise for few reference models. Differs from the paper as `LiraOnline` does.
    """

    name: ClassVar[str] = "lira-fixed-variance"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
    cost: ClassVar[str] = "1 query a candidate; reference models trained on random halves"
    source: ClassVar[str] = SOURCE + ", section VI-B (global variance)"

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return the log likelihood ratio of each candidate.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (fewer than 4 reference models, or
            none that was trained on candidates).
        """
        seen = observe(access, candidates, knowledge, rng, attack=self.name, references=4)
        return _claim(_both_sides(seen, self.name), lira_online(seen, fixed_variance=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class LiraOffline:
    """Offline LiRA: how surprising the answer would be to models without the candidate.

    Attributes:
        fixed_variance: one variance for all candidates, as the paper advises for few references.

    Differs from the paper as `LiraOnline` does; the tail is kept as a logarithm.
    """

    name: ClassVar[str] = "lira-offline"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
    cost: ClassVar[str] = "1 query a candidate; reference models that need no candidates"
    source: ClassVar[str] = SOURCE + ", section VI-A"

    fixed_variance: bool = False

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return each candidate's surprise in nats.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (fewer than 2 reference models).
        """
        seen = observe(access, candidates, knowledge, rng, attack=self.name, references=2)
        return _claim(seen, lira_offline(seen, fixed_variance=self.fixed_variance))


def _both_sides(seen: Signals, attack: str) -> Signals:
    if not seen.contains.any():
        raise NotEnoughKnowledge(
            f"{attack} compares models with and without a candidate, and none of the "
            f"{len(seen.contains)} reference models was trained on any.",
            way_out="Train reference models on random halves, or choose lira-offline or rmia.",
        )
    return seen


def _claim(seen: Signals, scores: np.ndarray) -> MembershipClaim:
    return MembershipClaim(
        scores=scores, notes={"signal": str(seen.kind), "references": len(seen.references)}
    )
