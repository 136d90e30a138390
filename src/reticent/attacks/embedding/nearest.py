"""The nearest text of the adversary's own: what no inversion must be praised for."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.attacks.embedding._vectors import asker, own_texts, stolen, unit
from reticent.core import Candidates, Channel, Family, TextReconstructionClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class NearestText:
    """Claim, for every vector, the own text whose vector has the greatest cosine with it.

    It finds what the adversary already has. Where the texts repeat (a log of standard sentences)
    that is all there is to find; elsewhere it is the baseline of the other attacks.
    """

    name: ClassVar[str] = "nearest-text"
    family: ClassVar[Family] = Family.EMBEDDING
    accepts: ClassVar[Channel] = Channel.EMBEDDING
    wants: ClassVar[frozenset[str]] = frozenset({"population"})
    cost: ClassVar[str] = "1 query an own text"
    source: ClassVar[str] = "Baseline of Song & Raghunathan 2020, https://arxiv.org/abs/2004.00053"

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> TextReconstructionClaim:
        """Return the nearest own text of each vector; its cosine is the confidence.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        ask = asker(access, self.name)
        goals = unit(stolen(candidates, self.name))
        texts = own_texts(knowledge, self.name)
        vectors = unit(ask(texts))
        best = np.empty(len(goals), dtype=np.int64)
        cosine = np.empty(len(goals))
        for start in range(0, len(goals), 256):
            near = goals[start : start + 256] @ vectors.T
            best[start : start + 256] = near.argmax(axis=1)
            cosine[start : start + 256] = near.max(axis=1)
        return TextReconstructionClaim(texts=tuple(texts[i] for i in best), confidence=cosine)
