"""Likely texts are members: the floor of membership in language models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import said_to
from reticent.attacks.language._signals import mean_logprob, ranked
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel
from reticent.core.language import Passage, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLoss:
    """Score a document by the mean log-probability of its tokens, against nothing.

    Blind to difficulty: an easy text looks like a member.
    """

    name: ClassVar[str] = "text-loss"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = False
    cost: ClassVar[str] = "1 query a document (behind a policy 1 a token)"
    source: ClassVar[str] = (
        "Yeom et al. 2018, Privacy Risk in Machine Learning, https://arxiv.org/abs/1709.01604"
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
        said = said_to(access, passages)
        return TextClaim(scores=ranked(np.array([mean_logprob(each) for each in said])))
