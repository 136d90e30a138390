"""Guess the hidden columns from the known ones, without the model.

What this gets right, everybody gets right who owns the same auxiliary records; only what an
attack gets right beyond it is the model's doing.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._beliefs import believe, claim, fit_beliefs, learners_of
from reticent.attacks._complete import puzzle
from reticent.attacks._posterior import Strength
from reticent.attacks.base import Knowledge
from reticent.core import NO_CHANNEL, AttributeClaim, Candidates, Channel, Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputation:
    """The no-model baseline: the best of prior, linear learner and boosting, by cross-validation.

    Uses the outcome where the adversary has seen it, never the model's answer to the record.
    Without auxiliary records it guesses the most probable value of the domain's prior.

    Attributes:
        strength: "strong" tries gradient boosting as well, "fast" leaves it out, "prior" learns
            nothing.
    """

    name: ClassVar[str] = "imputation"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = NO_CHANNEL
    wants: ClassVar[frozenset[str]] = frozenset({"domains"})
    cost: ClassVar[str] = "no queries; a few learners on the auxiliary records"
    source: ClassVar[str] = (
        "Jayaraman and Evans, 'Are Attribute Inference Attacks Just Imputation?', CCS 2022, "
        "https://arxiv.org/abs/2209.01292"
    )

    strength: Strength = "strong"

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> AttributeClaim:
        """Return a guess per candidate and hidden column; asks nothing."""
        holes = puzzle(candidates, knowledge, attack=self.name)
        posteriors = fit_beliefs(
            holes,
            knowledge,
            sees_outcome=candidates.y is not None,
            strength=self.strength,
            rng=rng,
        )
        return claim(
            holes,
            believe(posteriors, holes, candidates),
            {"learners": learners_of(posteriors), "queries": 0},
        )
