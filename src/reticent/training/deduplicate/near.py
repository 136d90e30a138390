"""Documents that say nearly the same as one before: MinHash finds them, their words decide."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from reticent.core import BadInput

Hashes = NDArray[np.uint64]

SHINGLE_WORDS = 5
#: 25 bands of 5: documents that share 0.8 of their shingles meet with probability 0.99995, those
#: that share 0.5 with 0.55; each meeting is checked.
BANDS, ROWS = 25, 5
_WORDS = re.compile(r"\w+")


class NearDuplicate(NamedTuple):
    """A document that is left out.

    Attributes:
        document: its number.
        kept: the number of the earlier document that it resembles.
        similarity: share of their shingles that both have (Jaccard index).
    """

    document: int
    kept: int
    similarity: float


@final
@dataclass(frozen=True, slots=True, eq=False)
class Permutations:
    """The hash functions of MinHash: multiply, add, take the high half.

    Attributes:
        factors: (BANDS * ROWS, 1) odd.
        terms: (BANDS * ROWS, 1).
    """

    factors: Hashes
    terms: Hashes

    @staticmethod
    def of(seed: int) -> "Permutations":
        """Return those of a seed."""
        rng = np.random.default_rng(seed)
        size = (BANDS * ROWS, 1)
        return Permutations(
            rng.integers(1 << 63, size=size, dtype=np.uint64) * np.uint64(2) + np.uint64(1),
            rng.integers(1 << 63, size=size, dtype=np.uint64),
        )

    def signature(self, hashes: Hashes) -> Hashes:
        """Return (BANDS,) hashes of the bands of a document's shingles; 0 for one without any."""
        if not len(hashes):
            return np.zeros(BANDS, dtype=np.uint64)
        least = np.full(BANDS * ROWS, np.iinfo(np.uint64).max, dtype=np.uint64)
        for i in range(0, len(hashes), 4096):
            mixed = hashes[None, i : i + 4096] * self.factors + self.terms
            least = np.minimum(least, (mixed >> np.uint64(20)).min(axis=1))
        found = np.arange(1, BANDS + 1, dtype=np.uint64)
        for row in least.reshape(BANDS, ROWS).T:
            found = (found ^ row) * np.uint64(0x9E3779B97F4A7C15)
            found ^= found >> np.uint64(29)
        return found | np.uint64(1)


def shingles(text: str) -> Hashes:
    """Return sorted hashes of the runs of five words of a text, in lower case, none twice.

    A text of fewer words is one shingle; one without words has none.
    """
    words = _WORDS.findall(text.lower())
    if not words:
        return np.empty(0, np.uint64)
    known = {word: _word_hash(word) for word in set(words)}
    each = np.array([known[word] for word in words], dtype=np.uint64)
    runs = max(1, len(each) - SHINGLE_WORDS + 1)
    mixed = np.zeros(runs, dtype=np.uint64)
    for i in range(min(SHINGLE_WORDS, len(each))):
        mixed = (mixed ^ each[i : i + runs]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def similarity(a: Hashes, b: Hashes) -> float:
    """Return the Jaccard index of two sets of shingles; 0 if one is empty."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / (len(a) + len(b) - both) if both else 0.0


def near_duplicates(
    texts: Callable[[int], str],
    *,
    threshold: float = 0.8,
    signatures: Hashes,
    listen: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[NearDuplicate]:
    """Yield the documents that resemble an earlier one that is kept.

    Each is compared with a kept document itself, so that no chain of small changes takes out what
    resembles nothing that stays. Documents without words are passed over.

    Args:
        texts: number -> text; asked again for what MinHash brings together.
        threshold: least share of common shingles, in (0, 1].
        signatures: (d, BANDS) of every document; where they agree by chance that costs time, never
            a document.
        listen: called with the documents done and those in all.
    """
    if not 0 < threshold <= 1:
        raise BadInput(f"A similarity of {threshold} is not in (0, 1].", way_out="0.8 is usual.")
    placed: tuple[dict[int, list[int]], ...] = tuple({} for _ in range(BANDS))
    for document, signature in enumerate(signatures):
        made = signature.tolist()
        if any(made):
            met = {o for band, key in zip(placed, made, strict=True) for o in band.get(key, ())}
            best = _best(shingles(texts(document)), sorted(met), texts, threshold) if met else None
            if best is not None:
                yield NearDuplicate(document, *best)
            else:
                for band, key in zip(placed, made, strict=True):
                    band.setdefault(key, []).append(document)
        listen(document + 1, len(signatures))


def _best(
    own: Hashes, met: list[int], texts: Callable[[int], str], threshold: float
) -> tuple[int, float] | None:
    """Return the first of the documents met that is similar enough, and how similar."""
    for other in met:
        found = similarity(own, shingles(texts(other)))
        if found >= threshold:
            return other, found
    return None


def _word_hash(word: str) -> Any:
    return int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big")
