"""Which words a vector speaks of: one logistic regression a word, all trained together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reticent.attacks.embedding._words import Vocabulary
from reticent.core import Bools, Floats, Ints

_F32 = np.float32
BATCH = 256
WARM = 0.1  # share of the steps in which the rate rises


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Head:
    """Log-odds of every word: `unit(v) @ weights + bias` on the coordinates that are shown.

    Attributes:
        shown: (d,) coordinates it reads.
        centre: (k,) subtracted from them.
        scale: multiplies them.
        weights: (k, vocabulary).
        bias: (vocabulary,).
    """

    shown: Bools
    centre: Floats
    scale: float
    weights: "NDArray[np.float32]"
    bias: "NDArray[np.float32]"

    def log_odds(self, vectors: Floats) -> Floats:
        """Return (n, vocabulary) log-odds that each word is in the text behind each vector."""
        x = ((vectors[:, self.shown] - self.centre) * self.scale).astype(_F32)
        return np.asarray(x @ self.weights + self.bias, dtype=np.float64)

    def change(self, differences: Floats) -> Floats:
        """Return (n, vocabulary) what a difference between two vectors adds to the log-odds."""
        x = (differences[:, self.shown] * self.scale).astype(_F32)
        return np.asarray(x @ self.weights, dtype=np.float64)


def learn_head(
    vectors: Floats,
    rows: Sequence[Ints],
    vocabulary: Vocabulary,
    shown: Bools,
    rng: np.random.Generator,
    *,
    epochs: int,
    rate: float,
) -> Head:
    """Return the head that tells words from vectors, by Adam under the cross-entropy.

    The bias starts at the log-odds of the words' shares, so a rare word is not to be expected
    until a vector says so.

    Args:
        vectors: (n, d) of length 1, withheld coordinates 0.
        rows: for each, the places of its text's words.
        vocabulary: of the texts.
        shown: (d,) coordinates that may be read.
        rng: of the order of the pairs.
        epochs: times that each pair is seen.
        rate: greatest step of Adam; it rises and falls linearly.
    """
    centre = vectors[:, shown].mean(axis=0)
    spread = float((vectors[:, shown] - centre).std())
    scale = 1 / max(spread, 1e-12)
    x = ((vectors[:, shown] - centre) * scale).astype(_F32)
    held = [np.unique(row) for row in rows]
    share = np.clip(vocabulary.shares, 1e-6, 1 - 1e-6)
    parts = [
        np.zeros((x.shape[1], len(vocabulary)), _F32),
        np.log(share / (1 - share)).astype(_F32),
    ]
    adam = _Adam(parts)
    steps = epochs * -(-len(x) // BATCH)
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            now = rate * _slope(step / steps)
            _one_step(x[chosen], [held[i] for i in chosen], parts, adam, now)
            step += 1
    return Head(shown=shown, centre=centre, scale=scale, weights=parts[0], bias=parts[1])


def _slope(done: float) -> float:
    return done / WARM + 0.05 if done < WARM else (1 - done) / (1 - WARM)


def _one_step(
    x: "NDArray[np.float32]",
    held: Sequence[Ints],
    parts: "list[NDArray[np.float32]]",
    adam: "_Adam",
    rate: float,
) -> None:
    logits = x @ parts[0]
    logits += parts[1]
    np.negative(logits, out=logits)
    np.clip(logits, -80, 80, out=logits)
    np.exp(logits, out=logits)
    logits += 1
    np.reciprocal(logits, out=logits)  # now the probabilities, and below the gradient
    for row, ids in enumerate(held):
        logits[row, ids] -= 1
    logits /= len(x)
    adam.step(parts, [x.T @ logits, logits.sum(axis=0)], rate)


class _Adam:
    """Kingma & Ba 2015, with its own constants."""

    def __init__(self, parts: "Sequence[NDArray[np.float32]]") -> None:
        self._mean = [np.zeros_like(part) for part in parts]
        self._square = [np.zeros_like(part) for part in parts]
        self._steps = 0

    def step(
        self,
        parts: "Sequence[NDArray[np.float32]]",
        gradients: "Sequence[NDArray[np.float32]]",
        rate: float,
    ) -> None:
        """Move the parts, in place."""
        self._steps += 1
        size = _F32(rate * np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps))
        for part, mean, square, gradient in zip(
            parts, self._mean, self._square, gradients, strict=True
        ):
            mean *= _F32(0.9)
            mean += _F32(0.1) * gradient
            square *= _F32(0.999)
            square += _F32(0.001) * gradient**2
            part -= size * mean / (np.sqrt(square) + _F32(1e-8))
