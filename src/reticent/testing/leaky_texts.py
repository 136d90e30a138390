"""The text models of the leaky demonstration server, fitted to Python's own language reference.

Small, but no stand-ins: latent semantic analysis for embeddings, and an interpolated trigram model
whose log-probabilities are those of its own distribution.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from reticent.core import Floats

EMBEDDER = "reference-embedder"
WRITER = "reference-writer"
DIMENSIONS = 32
#: Shares of trigrams, bigrams and single words.
WEIGHTS = (0.7, 0.25, 0.05)
_WORD = re.compile(r"[A-Za-z_]+|[0-9]+|[.,;:()]")


def reference() -> tuple[str, ...]:
    """Return the paragraphs of the language reference that comes with Python as `pydoc` topics."""
    from pydoc_data.topics import topics

    parts = (part.strip() for name in sorted(topics) for part in topics[name].split("\n\n"))
    return tuple(part for part in parts if len(part) > 60)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Embedder:
    """TF-IDF, projected onto its first singular vectors.

    Attributes:
        vectoriser: a fitted TfidfVectorizer.
        projection: a fitted TruncatedSVD.
    """

    vectoriser: Any
    projection: Any

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return (n, DIMENSIONS) vectors."""
        found: Floats = self.projection.transform(self.vectoriser.transform(texts))
        return found


def fit_embedder(paragraphs: Sequence[str], *, seed: int) -> Embedder:
    """Return an embedder of the words of these paragraphs."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(max_features=4000, sublinear_tf=True)
    counted = vectoriser.fit_transform(paragraphs)
    projection = TruncatedSVD(n_components=DIMENSIONS, n_iter=2, random_state=seed)
    return Embedder(vectoriser, projection.fit(counted))


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trigrams:
    """A language model over words: trigrams, bigrams and single words, mixed by `WEIGHTS`.

    Attributes:
        single: word -> times seen.
        after_one: word -> word that follows -> times.
        after_two: pair of words -> word that follows -> times.
        total: words in all.
    """

    single: Counter[str]
    after_one: dict[str, Counter[str]]
    after_two: dict[tuple[str, str], Counter[str]]
    total: int

    def write(
        self, prompt: str, *, tokens: int, alternatives: int
    ) -> list[list[tuple[str, float]]]:
        """Continue a prompt with the likeliest word, again and again.

        Args:
            prompt: any text.
            tokens: words to write.
            alternatives: how many of the likeliest are returned beside each.

        Returns: for each position the chosen word and its natural logarithm of the probability,
            followed by the likeliest `alternatives`, itself included.
        """
        words = ["", "", *_WORD.findall(prompt)]
        written: list[list[tuple[str, float]]] = []
        for _ in range(tokens):
            ranked = self._ranked(words[-2], words[-1], max(alternatives, 1))
            # A model without memory beyond two words would go in circles: no word thrice in six.
            chosen = next((r for r in ranked if words[-6:].count(r[0]) < 2), ranked[0])
            written.append([chosen, *ranked[:alternatives]])
            words.append(chosen[0])
        return written

    def probability(self, first: str, second: str, word: str) -> float:
        """Return the probability of a word after two others."""
        three, two = self.after_two.get((first, second)), self.after_one.get(second)
        shares = (
            three[word] / three.total() if three else None,
            two[word] / two.total() if two else None,
            self.single[word] / self.total,
        )
        known = [(w, p) for w, p in zip(WEIGHTS, shares, strict=True) if p is not None]
        return sum(w * p for w, p in known) / sum(w for w, _ in known)

    def _ranked(self, first: str, second: str, most: int) -> list[tuple[str, float]]:
        wide = most + 8
        candidates = {word for word, _ in self.single.most_common(wide)}
        for seen in (self.after_two.get((first, second)), self.after_one.get(second)):
            candidates |= {word for word, _ in (seen or Counter()).most_common(wide)}
        scored = ((word, math.log(self.probability(first, second, word))) for word in candidates)
        return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:wide]


def fit_trigrams(paragraphs: Sequence[str]) -> Trigrams:
    """Return a language model of these paragraphs."""
    single: Counter[str] = Counter()
    after_one: defaultdict[str, Counter[str]] = defaultdict(Counter)
    after_two: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for paragraph in paragraphs:
        words = ["", "", *_WORD.findall(paragraph)]
        single.update(words[2:])
        for first, second, third in zip(words, words[1:], words[2:], strict=False):
            after_one[second][third] += 1
            after_two[first, second][third] += 1
    return Trigrams(
        single=single,
        after_one=dict(after_one),
        after_two=dict(after_two),
        total=single.total(),
    )
