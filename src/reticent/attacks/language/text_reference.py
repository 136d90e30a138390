"""Texts that are likelier than to a model that never saw them are members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import by_reference, nats
from reticent.attacks.language._signals import ranked
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel, NotEnoughKnowledge
from reticent.core.language import Passage, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReference:
    """Score a document by its mean log-probability less that under reference models.

    Both are counted over the letters of the document, so that a reference model may cut it into
    other tokens.
    """

    name: ClassVar[str] = "text-reference"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
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

        Raises: NotExposed, BudgetSpent, BadInput, NotEnoughKnowledge.
        """
        if not knowledge.references:
            raise NotEnoughKnowledge(
                f"{self.name} needs a model that never saw the documents.",
                way_out="Name a reference model, or use min-k or text-zlib.",
            )
        letters = np.array([max(len(access.text(p.wanted)), 1) for p in passages])
        own = nats(access, passages) / letters
        theirs = np.mean(
            [nats(r, by_reference(access, r, passages)) / letters for r in knowledge.references],
            axis=0,
        )
        return TextClaim(scores=ranked(own - theirs), baseline=theirs, uncorrected=ranked(own))
