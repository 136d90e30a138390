"""Answers as constraints: all that was shown is kept, all that was not is left open."""

from dataclasses import dataclass

import numpy as np

from reticent.core import Answer, Floats, Ints, NotExposed

CAPPINGS = 3  # a class held down gives what it loses to the others, who may pass the mark too
FINEST = 6  # decimals from which on scores count as exact


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shown:
    """What n answers say of n distributions over k classes.

    Attributes:
        scores: (n, k) what was shown of them, NaN where withheld.
        labels: (n,) the winning class, -1 where unknown.
        step: the grid that shown scores were rounded to; 0.0 if they are exact.
    """

    scores: Floats
    labels: Ints
    step: float

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def full(self) -> bool:
        """Return whether every class's score is shown."""
        return bool(len(self)) and not np.isnan(self.scores).any()

    @property
    def bare(self) -> bool:
        """Return whether nothing but labels is shown."""
        return bool(np.isnan(self.scores).all())


def read(answer: Answer, classes: int) -> Shown:
    """Return an answer as constraints.

    Raises: NotExposed if it has neither labels nor scores.
    """
    n, scores, labels = len(answer), answer.scores, answer.labels
    if scores is None and labels is None:
        raise NotExposed(
            "The endpoint answers with neither labels nor scores.",
            way_out="Choose an attack that works through what it shows.",
        )
    if scores is None:
        scores = np.full((n, classes), np.nan)
    if labels is None:
        best = np.nan_to_num(scores, nan=-1.0)
        labels = np.where(best.max(axis=1) > 0, best.argmax(axis=1), -1)
    return Shown(scores=scores, labels=labels.astype(np.int64), step=_step(scores))


def join(parts: list[Shown]) -> Shown:
    """Return all answers, one below the other."""
    scores = np.concatenate([part.scores for part in parts])
    return Shown(
        scores=scores,
        labels=np.concatenate([part.labels for part in parts]),
        step=_step(scores),
    )


def nearest_consistent(p: Floats, shown: Shown) -> Floats:
    """Return, for (n, k) believed distributions, the nearest that the answers allow.

    A shown score holds to within half a step of its rounding: a rounded zero says "less than half
    a step". What is left goes to the withheld classes in the proportions that were believed. A
    label alone stands for certainty.
    """
    seen = ~np.isnan(shown.scores)
    half, value = shown.step / 2, np.where(seen, shown.scores, 0.0)
    held = np.clip(p, np.maximum(value - half, 0.0), np.minimum(value + half, 1.0))
    held = np.where(seen, held, 0.0)
    left = np.maximum(1 - held.sum(axis=1, keepdims=True), 0.0)
    hidden = np.where(seen, 0.0, p)
    mass = hidden.sum(axis=1, keepdims=True)
    target = held + hidden * left / np.maximum(mass, 1e-300)
    most = np.where(seen, held, np.inf).min(axis=1, keepdims=True)  # the best are shown first
    for _ in range(CAPPINGS):
        over = ~seen & (target > most)
        if not over.any():
            break
        target = np.where(over, most, target)
        free = np.where(seen | over, 0.0, target)
        room = np.maximum(1 - target.sum(axis=1, keepdims=True) + free.sum(1, keepdims=True), 0)
        target = target - free + free * room / np.maximum(free.sum(1, keepdims=True), 1e-300)
    alone = ~seen.any(axis=1)
    if alone.any():
        target[alone] = np.eye(p.shape[1])[shown.labels[alone]]
    return np.asarray(target / target.sum(axis=1, keepdims=True))


def _step(scores: Floats) -> float:
    known = scores[np.isfinite(scores)]
    if not len(known):
        return 0.0
    for digits in range(1, FINEST + 1):
        scaled = known * 10.0**digits
        if np.abs(scaled - np.round(scaled)).max() < 1e-9 * 10.0**digits:
            return float(10.0**-digits)
    return 0.0
