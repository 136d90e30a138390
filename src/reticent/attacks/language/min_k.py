"""A member's least likely tokens are not so unlikely: Min-K%."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import said_to
from reticent.attacks.language._signals import least_share, ranked
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel
from reticent.core.language import Passage, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class MinK:
    """Score a document by the mean log-probability of its least likely tokens.

    Attributes:
        share: of the tokens, in (0, 1].
    """

    name: ClassVar[str] = "min-k"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = False
    cost: ClassVar[str] = "1 query a document (behind a policy 1 a token)"
    source: ClassVar[str] = (
        "Shi et al. 2024, Detecting pretraining data from large language models, "
        "https://arxiv.org/abs/2310.16789"
    )

    share: float = 0.2

    def run(
        self,
        access: TextAccess,
        passages: Sequence[Passage],
        knowledge: TextKnowledge,
        rng: np.random.Generator,
    ) -> TextClaim:
        """Return a score for each passage.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        said = said_to(access, passages)
        scores = [least_share(each.logprobs, self.share) for each in said]
        return TextClaim(scores=ranked(np.array(scores)))
