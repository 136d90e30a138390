"""Texts that are likelier than their compressed length says are members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import nats
from reticent.attacks.language._signals import ranked, zlib_bits
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel
from reticent.core.language import Passage, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class TextZlib:
    """Score a document by its log-probability over its bits under zlib.

    Repetitive text, which every model finds easy, compresses well.
    """

    name: ClassVar[str] = "text-zlib"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = False
    cost: ClassVar[str] = "1 query a document (behind a policy 1 a token)"
    source: ClassVar[str] = (
        "Carlini et al. 2021, Extracting training data from large language models, "
        "https://arxiv.org/abs/2012.07805"
    )

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
        sums = nats(access, passages)
        bits = [zlib_bits(access.text(p.wanted)) for p in passages]
        return TextClaim(
            scores=ranked(sums / np.array(bits)),
            uncorrected=ranked(sums / [max(len(p.wanted), 1) for p in passages]),
        )
