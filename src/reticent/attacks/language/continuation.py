"""Ask for the rest and compare: all that is left where no log-probabilities are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import by_reference, known
from reticent.attacks.language._overlap import longest_run, similarity
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel, Floats, Ints
from reticent.core.language import GREEDY, Passage, Sampling, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """Have the model go on after each prompt, and keep what is most like the wanted part.

    Works through any endpoint. A passage's score is the best similarity (1 less the edit distance
    over the longer length) of its continuations; a reference model's best is taken off it.

    Attributes:
        draws: texts a prompt; 1 takes the likeliest tokens, more are sampled.
        temperature: of the sampled ones.
        top_k: of the sampled ones; 0 for all tokens.
        top_p: of the sampled ones.
    """

    name: ClassVar[str] = "continuation"
    accepts: ClassVar[Channel] = Channel.TOKENS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = True
    cost: ClassVar[str] = "1 query a text (`draws` for each passage)"
    source: ClassVar[str] = (
        "Carlini et al. 2023, Quantifying memorization across neural language models, "
        "https://arxiv.org/abs/2202.07646; edit distance after Ippolito et al. 2023, Preventing "
        "verbatim memorization gives a false sense of privacy, https://arxiv.org/abs/2210.17546"
    )

    draws: int = 1
    temperature: float = 1.0
    top_k: int = 40
    top_p: float = 1.0

    def run(
        self,
        access: TextAccess,
        passages: Sequence[Passage],
        knowledge: TextKnowledge,
        rng: np.random.Generator,
    ) -> TextClaim:
        """Return likeness, longest common run and, of greedy texts, verdicts.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        seed = int(rng.integers(2**31))
        exact, runs, alike = self._compared(access, passages, seed)
        public = known(access, passages, knowledge.public)
        baseline = np.zeros(len(passages))
        for reference in knowledge.references:
            theirs = by_reference(access, reference, passages)
            their_exact, _, their_alike = self._compared(reference, theirs, seed)
            baseline = np.maximum(baseline, their_alike)
            public |= their_exact > 0
        corrects = bool(knowledge.references) or knowledge.public is not None
        return TextClaim(
            scores=alike - baseline,
            verdicts=exact > 0 if self.draws == 1 else None,
            longest=runs,
            similarity=alike,
            sampling=self._sampling,
            baseline=baseline if knowledge.references else None,
            public=public if corrects else None,
            uncorrected=alike if corrects else None,
            notes={"draws": self.draws, "given_back": int((exact > 0).sum())},
        )

    @property
    def _sampling(self) -> Sampling:
        if self.draws == 1:
            return GREEDY
        return Sampling(temperature=self.temperature, top_k=self.top_k, top_p=self.top_p)

    def _compared(
        self, access: TextAccess, passages: Sequence[Passage], seed: int
    ) -> tuple[Ints, Ints, Floats]:
        """Return (n,) texts that are the wanted part, longest common runs, best likenesses."""
        exact = np.zeros(len(passages), dtype=np.int64)
        runs = np.zeros(len(passages), dtype=np.int64)
        alike = np.zeros(len(passages))
        for size in sorted({len(passage.wanted) for passage in passages}):
            which = [i for i, passage in enumerate(passages) if len(passage.wanted) == size]
            written = access.generate(
                [passages[i].given for i in which],
                new_tokens=size,
                n=self.draws,
                sampling=self._sampling,
                seed=seed,
            )
            for text in written:
                i = which[text.prompt]
                wanted = passages[i].wanted
                exact[i] += np.array_equal(text.tokens, wanted)
                runs[i] = max(runs[i], longest_run(text.tokens, wanted))
                alike[i] = max(alike[i], similarity(text.tokens, wanted))
        return exact, runs, alike
