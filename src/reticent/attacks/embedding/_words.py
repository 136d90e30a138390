"""Words of texts, which of them a corpus has, and which follows which."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reticent.core import Floats, Ints

WORD = re.compile(r"\w+(?:['\N{RIGHT SINGLE QUOTATION MARK}-]\w+)*")
EDGE = -1  # stands for the beginning and the end of a text


def words_of(text: str) -> list[str]:
    """Return a text's words in lower case.

    >>> words_of("Don't ask: the well-known 42.")
    ["don't", 'ask', 'the', 'well-known', '42']
    """
    return WORD.findall(text.lower())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Vocabulary:
    """The words of a corpus, the commonest first.

    Attributes:
        words: k words.
        shares: (k,) share of the texts that hold each.
        index: word -> place.
    """

    words: tuple[str, ...]
    shares: Floats
    index: dict[str, int]

    def __len__(self) -> int:
        return len(self.words)

    def ids(self, text: str) -> list[int]:
        """Return the places of a text's words in their order, unknown ones left out."""
        return [self.index[word] for word in words_of(text) if word in self.index]

    def text(self, ids: Iterable[int]) -> str:
        """Return the words with spaces between."""
        return " ".join(self.words[i] for i in ids)


def learn_vocabulary(texts: Sequence[str], *, most: int, least_texts: int) -> Vocabulary:
    """Return the `most` words that stand in the most texts, each in at least `least_texts`."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words_of(text)))
    # Ties by the alphabet: the order of a set differs from run to run.
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
    kept = [(word, count) for word, count in ranked if count >= least_texts]
    return Vocabulary(
        words=tuple(word for word, _ in kept),
        shares=np.array([count / len(texts) for _, count in kept]),
        index={word: i for i, (word, _) in enumerate(kept)},
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Followers:
    """How readily one word follows another: a bigram model with absolute discounting.

    Attributes:
        log_seen: (first, second) -> log probability of pairs that were seen.
        log_back: first -> log of the mass that is left for pairs that were not.
        log_alone: (k + 1,) log share of each word as a second one; the last entry is the edge's.
    """

    log_seen: dict[tuple[int, int], float]
    log_back: dict[int, float]
    log_alone: Floats

    def log_p(self, first: int, second: int) -> float:
        """Return the log probability that `second` follows; `EDGE` is the text's either end."""
        seen = self.log_seen.get((first, second))
        if seen is not None:
            return seen
        return self.log_back.get(first, 0.0) + float(self.log_alone[second])

    def best_place(self, order: Sequence[int], word: int) -> int:
        """Return where in `order` a word is put in at the least loss; the first of equals."""
        path = [EDGE, *order, EDGE]
        gains = [
            self.log_p(a, word) + self.log_p(word, b) - self.log_p(a, b) for a, b in pairwise(path)
        ]
        return int(np.argmax(gains))

    def arranged(self, words: Sequence[int]) -> list[int]:
        """Return the words in an order that reads well.

        Each is put in where it fits best, and moved while that reads better.
        """
        order: list[int] = []
        for word in words:
            order.insert(self.best_place(order, word), word)
        for _ in range(2):
            before = list(order)
            for word in before:
                order.remove(word)
                order.insert(self.best_place(order, word), word)
            if order == before:
                break
        return order


DISCOUNT = 0.75


def learn_followers(rows: Sequence[Sequence[int]], size: int) -> Followers:
    """Return the bigram model of texts given as places in a vocabulary of `size` words.

    Source: absolute discounting, Ney, Essen & Kneser 1994, with the shares of single words below.
    """
    pairs: Counter[tuple[int, int]] = Counter()
    for row in rows:
        pairs.update(pairwise([EDGE, *row, EDGE]))
    totals: Counter[int] = Counter()
    kinds: Counter[int] = Counter()
    alone = np.ones(size + 1)
    for (first, second), count in pairs.items():
        totals[first] += count
        kinds[first] += 1
        alone[second] += count
    share = alone / alone.sum()
    back = {first: DISCOUNT * kinds[first] / totals[first] for first in totals}
    return Followers(
        log_seen={
            (a, b): float(np.log((count - DISCOUNT) / totals[a] + back[a] * share[b]))
            for (a, b), count in pairs.items()
        },
        log_back={first: float(np.log(mass)) for first, mass in back.items()},
        log_alone=np.log(share),
    )


def id_rows(vocabulary: Vocabulary, texts: Sequence[str]) -> list[Ints]:
    """Return the places of each text's words, in their order."""
    return [np.array(vocabulary.ids(text), dtype=np.int64) for text in texts]
