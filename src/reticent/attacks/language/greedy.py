"""Which passages come back word for word? A yes or no, as cheap as it gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import said_to, verdicts
from reticent.attacks.language._correct import corrected
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Bools, Channel
from reticent.core.language import GREEDY, Passage, TextClaim, TokenLogprobs
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyExtraction:
    """Find the passages that greedy generation gives back, without generating them.

    Teacher-forced passes over longer and longer beginnings of the wanted part; a passage is out
    at the first token that another one clearly beats. Most are out at once, so that hardly
    anything beyond their prompts is ever read. Rounding's ties are generated.

    Attributes:
        looks: tokens of the wanted part that each pass but the last one reads.
    """

    name: ClassVar[str] = "greedy-extraction"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = True
    cost: ClassVar[str] = "1 query a passage, up to 3 for one that comes back"
    source: ClassVar[str] = (
        "Carlini et al. 2023, Quantifying memorization across neural language models, "
        "https://arxiv.org/abs/2202.07646; read off teacher-forced passes"
    )

    looks: tuple[int, ...] = (5, 16)

    def run(
        self,
        access: TextAccess,
        passages: Sequence[Passage],
        knowledge: TextKnowledge,
        rng: np.random.Generator,
    ) -> TextClaim:
        """Return verdicts; scores are the tokens that surely come back before the first miss.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        found = np.zeros(len(passages), dtype=bool)
        reached = np.zeros(len(passages))
        left = list(range(len(passages)))
        ties = 0
        for look in (*self.looks, None):
            parts = [_shortened(passages[i], look) for i in left]
            said = said_to(access, parts) if parts else []
            going = []
            for i, part, each in zip(left, parts, said, strict=True):
                start = max(part.prompt, 1)
                margins, ranks = each.margins[start:], each.ranks[start:]
                beaten = (margins < -access.tie_margin) | (np.isnan(margins) & (ranks != 0))
                reached[i] = int(np.argmax(beaten)) if beaten.any() else len(beaten)
                if not beaten.any() and len(part) < len(passages[i]):
                    going.append(i)
                elif not beaten.any():
                    verdict, tie = _decided(access, part, each)
                    found[i], ties = verdict[0], ties + tie
            left = going
        claim = TextClaim(
            scores=reached,
            verdicts=found,
            sampling=GREEDY,
            notes={"ties_generated": ties, "looks": list(self.looks)},
        )
        return corrected(claim, access, passages, knowledge, sampling=GREEDY, draws=1, success=0.5)


def _decided(access: TextAccess, part: Passage, each: TokenLogprobs) -> tuple[Bools, int]:
    if Channel.TOKENS & access.channels:
        return verdicts(access, [part], [each])
    return np.array([bool((each.ranks[max(part.prompt, 1) :] == 0).all())]), 0


def _shortened(passage: Passage, wanted: int | None) -> Passage:
    if wanted is None or len(passage.wanted) <= wanted:
        return passage
    return Passage(
        tokens=passage.tokens[: passage.prompt + wanted],
        prompt=passage.prompt,
        document=passage.document,
        start=passage.start,
    )
