"""A member's tokens stand out from what else could have come: Min-K%++."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import said_to
from reticent.attacks.language._signals import calibrated, least_share, ranked
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel
from reticent.core.language import Passage, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class MinKPlus:
    """Score a document by its least likely tokens, each in deviations from its expectation.

    Needs the whole distribution of the next token; behind a policy that shows a few alternatives
    it falls back on Min-K%, and its notes say so.

    Attributes:
        share: of the tokens, in (0, 1].
    """

    name: ClassVar[str] = "min-k-plus"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = False
    cost: ClassVar[str] = "1 query a document (behind a policy 1 a token)"
    source: ClassVar[str] = (
        "Zhang et al. 2024, Min-K%++: improved baseline for detecting pre-training data, "
        "https://arxiv.org/abs/2404.02936, equation 3"
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
        said = said_to(access, passages, moments=True)
        whole = all(each.means is not None for each in said)
        signals = [calibrated(each) if whole else each.logprobs for each in said]
        return TextClaim(
            scores=ranked(np.array([least_share(signal, self.share) for signal in signals])),
            notes={"signal": "calibrated" if whole else "log-probability"},
        )
