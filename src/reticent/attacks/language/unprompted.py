"""Let the model write, and pick out what it knows by heart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import known
from reticent.attacks.language._signals import (
    calibrated,
    least_share,
    least_window,
    mean_logprob,
    ranked,
    zlib_bits,
)
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Bools, Channel, Floats, Ints
from reticent.core.language import Passage, Sampling, TextClaim, TokenLogprobs
from reticent.text_access import TextAccess

SCORES = ("reference", "zlib", "lowercase", "window", "min-k++", "perplexity")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpromptedGeneration:
    """Sample texts from nothing and rank them by how much likelier they are than they should be.

    Each score sets the model's own log-probability of a text against a measure of how easy it is:
    a reference model's, its bits under zlib, its own in lower case, or none; "window" takes the
    likeliest stretch, "min-k++" the least likely tokens, each in its own scale.

    Differs from the paper: texts begin with nothing (or `begin`) only, not with text of the Web.

    Attributes:
        texts: texts to sample.
        length: tokens of each.
        by: what they are ranked by, one of `SCORES`. "reference" falls back on "zlib" where the
            adversary has no reference model.
        window: tokens, for "window".
        share: of tokens, for "min-k++".
        temperature: of the sampling.
        top_k: of the sampling.
    """

    name: ClassVar[str] = "unprompted-generation"
    accepts: ClassVar[Channel] = Channel.TOKENS | Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = False
    cost: ClassVar[str] = "2 queries a text: to write it, and to score it"
    source: ClassVar[str] = (
        "Carlini et al. 2021, Extracting training data from large language models, "
        "https://arxiv.org/abs/2012.07805; Min-K%++: Zhang et al. 2024, "
        "https://arxiv.org/abs/2404.02936"
    )

    texts: int = 200
    length: int = 100
    by: str = "reference"
    window: int = 50
    share: float = 0.2
    temperature: float = 1.0
    top_k: int = 40

    def run(
        self,
        access: TextAccess,
        passages: Sequence[Passage],
        knowledge: TextKnowledge,
        rng: np.random.Generator,
    ) -> TextClaim:
        """Return the texts that were written, and their scores by every measure in the notes.

        The passages are not looked at: which of the texts are training text is for the grader.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        first = access.begin if access.begin is not None else int(rng.integers(256))
        start = np.array([first], dtype=np.int64)
        made = access.generate(
            [start],
            new_tokens=self.length,
            n=self.texts,
            sampling=Sampling(temperature=self.temperature, top_k=self.top_k),
            seed=int(rng.integers(2**31)),
        )
        texts = [np.concatenate([start, each.tokens]) for each in made]
        written = tuple(each.tokens for each in made)
        public = None
        if knowledge.public is not None:
            public = known(access, [Passage(tokens=ids) for ids in written], knowledge.public)
        if not Channel.LOGPROBS & access.channels:
            return self._unscored(access, written, public)
        scores = self._scores(access, texts, knowledge)
        by = self.by if self.by in scores else "zlib"
        return TextClaim(
            scores=ranked(scores[by]),
            written=written,
            public=public,
            uncorrected=ranked(scores["perplexity"]),
            notes={"by": by, "first": int(first), "scores": scores},
        )

    def _unscored(
        self, access: TextAccess, written: tuple[Ints, ...], public: Bools | None
    ) -> TextClaim:
        """Rank by how often a text's beginning was written: what comes again is known by heart."""
        heads = [tuple(ids[: self.window // 2].tolist()) for ids in written]
        counts = np.array([heads.count(head) for head in heads], dtype=np.float64)
        return TextClaim(scores=counts, written=written, public=public, notes={"by": "repeats"})

    def _scores(
        self, access: TextAccess, texts: Sequence[Ints], knowledge: TextKnowledge
    ) -> dict[str, Floats]:
        said = access.logprobs(texts, first=[1] * len(texts), moments=True)
        words = [access.text(ids[1:]) for ids in texts]
        own = np.array([mean_logprob(each) for each in said])
        length = np.array([max(len(ids) - 1, 1) for ids in texts])
        bits = np.array([zlib_bits(text) for text in words])
        scores = {
            "perplexity": own,
            "zlib": own * length / bits,
            "lowercase": own - _mean(access, [text.lower() for text in words]),
            "window": np.array([least_window(each, self.window) for each in said]),
        }
        if all(each.means is not None for each in said):
            scores["min-k++"] = np.array(
                [least_share(calibrated(each), self.share) for each in said]
            )
        for reference in knowledge.references[:1]:
            if Channel.LOGPROBS & reference.channels:
                scores["reference"] = own - _mean(reference, words)
        return scores


def _mean(access: TextAccess, texts: Sequence[str]) -> Floats:
    """Return the mean log-probability that a model gives to each text."""
    first = access.begin if access.begin is not None else 0
    ids = [np.concatenate([[first], access.tokens(text)])[: access.context] for text in texts]
    said: list[TokenLogprobs] = access.logprobs(ids, first=[1] * len(ids))
    return np.array([mean_logprob(each) for each in said])
