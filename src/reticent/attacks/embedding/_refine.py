"""Change a guessed text word by word so that its vector comes nearer to the goal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reticent.attacks.embedding._head import Head
from reticent.attacks.embedding._vectors import Ask, unit
from reticent.attacks.embedding._words import Followers, Vocabulary
from reticent.core import Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reader:
    """Reads vectors: a head says which words, a bigram model in which order.

    Attributes:
        vocabulary: the words it knows.
        head: log-odds of each.
        followers: which word follows which.
        threshold: probability from which a word is claimed at first.
    """

    vocabulary: Vocabulary
    head: Head
    followers: Followers
    threshold: float

    @property
    def toll(self) -> float:
        """Return the log-odds at the threshold: what a claimed word must bring."""
        return float(np.log(self.threshold / (1 - self.threshold)))

    def first(self, odds: Floats) -> list[list[int]]:
        """Return, for each row of log-odds, the words above the threshold in a likely order."""
        guesses = []
        for row in odds:
            likely = np.flatnonzero(row > self.toll)
            if not len(likely):
                likely = np.array([int(row.argmax())])
            best = likely[np.argsort(-row[likely], kind="stable")]
            guesses.append(self.followers.arranged(best.tolist()))
        return guesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """How a guess is refined.

    Attributes:
        rounds: changes at most of each text.
        adds: words tried in addition, each round.
        drops: words tried without, each round.
        swaps: of the words tried in addition, how many are tried in place of each of as many that
            seem out of place.
        pull: nats that a cosine of 1 is worth beside the head's log-odds.
    """

    rounds: int
    adds: int
    drops: int
    swaps: int
    pull: float


def refine(
    reader: Reader, ask: Ask, goals: Floats, how: Refinement
) -> tuple[list[list[int]], Floats]:
    """Return the refined guesses, and the cosine of each with its goal.

    Each round asks for a handful of neighbours of every text that still moves and keeps the best of
    them and the text itself, by `pull` times the cosine plus the log-odds (above the threshold's)
    of the words in it. Which neighbours: the head reads the difference between the goal and the
    vector of the guess, which is the correction of vec2text (Morris et al. 2023) made linear.

    Args:
        reader: of vectors.
        ask: turns texts into vectors.
        goals: (n, d) of length 1.
        how: settings.
    """
    odds = reader.head.log_odds(goals)
    texts = reader.first(odds)
    vectors = _asked(reader, ask, texts)
    cosine = np.einsum("nd,nd->n", vectors, goals)
    worth = how.pull * cosine + [_prior(reader, odds[i], t) for i, t in enumerate(texts)]
    moving = list(range(len(texts)))
    for _ in range(how.rounds):
        owners: list[int] = []
        tried: list[list[int]] = []
        change = reader.head.change(goals[moving] - vectors[moving])
        for place, i in enumerate(moving):
            for option in _neighbours(reader, texts[i], odds[i], change[place], how):
                owners.append(i)
                tried.append(option)
        if not tried:
            break
        found = _asked(reader, ask, tried)
        near = np.einsum("nd,nd->n", found, goals[owners])
        moved = set()
        for row, (i, option) in enumerate(zip(owners, tried, strict=True)):
            value = how.pull * near[row] + _prior(reader, odds[i], option)
            if value > worth[i] + 1e-9:
                worth[i], texts[i], cosine[i] = value, option, near[row]
                vectors[i] = found[row]
                moved.add(i)
        moving = sorted(moved)
        if not moving:
            break
    return texts, cosine


def _asked(reader: Reader, ask: Ask, texts: Sequence[Sequence[int]]) -> Floats:
    return unit(ask([reader.vocabulary.text(text) for text in texts]))


def _prior(reader: Reader, odds: Floats, text: Sequence[int]) -> float:
    return float((odds[list(set(text))] - reader.toll).sum())


def _neighbours(
    reader: Reader, text: list[int], odds: Floats, change: Floats, how: Refinement
) -> list[list[int]]:
    """Return texts that differ from `text` by a word."""
    there = set(text)
    wanted = [w for w in _top(odds + change, how.adds + len(there)) if w not in there][: how.adds]
    doubtful = sorted(there, key=lambda w: odds[w] + change[w])[: how.drops]
    found = []
    for word in wanted:
        place = reader.followers.best_place(text, word)
        found.append([*text[:place], word, *text[place:]])
    for word in doubtful:
        found.append([w for w in text if w != word])
    for old in doubtful[: how.swaps]:
        for new in wanted[: how.swaps]:
            found.append([new if w == old else w for w in text])
    return [option for option in found if option]


def _top(values: Floats, count: int) -> list[int]:
    count = min(count, len(values))
    best = np.argpartition(-values, count - 1)[:count]
    return [int(i) for i in best[np.argsort(-values[best], kind="stable")]]
