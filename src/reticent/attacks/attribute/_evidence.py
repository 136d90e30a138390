"""What answers say of the value behind them: log-likelihoods as functions of arrays.

Every function takes answers to k completions of n records and returns (n, k) nats, 0 where an
answer says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reticent.attacks._complete import Answers
from reticent.core import Answer, Column, Floats, Ints

MATCH_TOL = 1e-6  # two answers this close are the same answer: float32 and text lose no more
MISS_NATS = 14.0  # cost of an answer that differs where another value reproduces it exactly
FLOOR = 1e-4  # lowest probability an outcome is given, so that no single answer is final
LEAST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Performance:
    """How good the model is, as published with it or measured by the adversary.

    Attributes:
        confusion: (classes + 1, classes) probability of each true outcome given the answered
            label; the last row is for an abstention. None if not known.
        residuals: (m,) true minus answered values, in the target's unit. None if not known.
    """

    confusion: Floats | None = None
    residuals: Floats | None = None


def of_match(answers: Answers, observed: Answer) -> Floats:
    """Return how well each completion reproduces the answer seen on the true record.

    Exact matches first: where one value reproduces the answer, all that do not lose `MISS_NATS`.
    Where none does (a grid too coarse for the model, a model that has changed), a normal kernel
    around the observed answer, as wide as the nearest misses typically are. Both answers come
    through the same policy, so rounding, withholding and keyed noise need no inverse.
    """
    distance = _distance(answers, observed)
    usable = np.asarray(np.isfinite(distance), dtype=np.bool_)
    exact = usable & (distance <= MATCH_TOL)
    found = np.asarray(exact.any(axis=1), dtype=np.bool_)
    out: Floats = np.where(exact, 0.0, -MISS_NATS) * found[:, None]
    misses = ~found & usable.any(axis=1)
    if misses.any():
        off = np.where(usable[misses], distance[misses], np.inf)
        nearest = off.min(axis=1)
        width = max(float(np.median(nearest)), LEAST_SPREAD)
        excess = (off**2 - nearest[:, None] ** 2) / (2 * width**2)
        out[misses] = -np.minimum(excess, MISS_NATS)
    return out


def _distance(answers: Answers, observed: Answer) -> Floats:
    """Return (n, k) how far each answer is from the observed one; inf for a different label."""
    distance: Floats = np.zeros((len(observed), answers.k))
    if observed.values is not None and answers.values is not None:
        gap = answers.values - observed.values[:, None]
        return np.asarray(np.abs(gap), dtype=np.float64)
    if observed.scores is not None and answers.scores is not None:
        seen, got = observed.scores[:, None, :], answers.scores
        shown, both = np.isfinite(seen), np.isfinite(seen) & np.isfinite(got)
        gap = np.where(both, got - seen, 0.0)
        distance = np.sqrt((gap**2).sum(axis=2))
        # An entry shown on one side only is a miss: which entries are shown is an answer too.
        distance = distance + (shown != np.isfinite(got)).any(axis=2)
    if observed.labels is not None and answers.labels is not None:
        distance[answers.labels != observed.labels[:, None]] = np.inf
    return distance


def of_outcome(answers: Answers, y: Column, performance: Performance) -> Floats:
    """Return log p(true outcome | answer): Fredrikson's performance statistics.

    Scores are the model's own statement of that probability; a label goes through the confusion
    matrix (2014, section 3; 2015, equation 1), a value through the density of the residuals.
    """
    n = len(y)
    if answers.scores is not None:
        shown = shown_of_class(answers.scores, np.asarray(y, dtype=np.int64))
        return np.where(np.isfinite(shown), np.log(np.clip(shown, FLOOR, 1.0)), 0.0)
    if answers.labels is not None:
        if performance.confusion is None:
            return np.zeros((n, answers.k))
        row = np.where(answers.labels < 0, len(performance.confusion) - 1, answers.labels)
        p = performance.confusion[row, np.asarray(y, dtype=np.int64)[:, None]]
        return np.log(np.maximum(p, FLOOR))
    if answers.values is not None and performance.residuals is not None:
        off = np.asarray(y, dtype=np.float64)[:, None] - answers.values
        return np.where(np.isfinite(off), log_density(performance.residuals)(off), 0.0)
    return np.zeros((n, answers.k))


def of_confidence(answers: Answers) -> Floats:
    """Return log of the top score: without the outcome, a model is surest on what it has seen."""
    if answers.scores is None:
        return np.zeros((len(answers.asked), answers.k))
    top = np.where(np.isfinite(answers.scores), answers.scores, -np.inf).max(axis=2)
    return np.where(np.isfinite(top), np.log(np.clip(top, FLOOR, 1.0)), 0.0)


def shown_of_class(scores: Floats, y: Ints) -> Floats:
    """Return (n, k) the score of class `y`, bounded above where it is withheld.

    A withheld entry is at most the smallest one shown and at most what is left of 1; half of
    that bound stands in for it. NaN where nothing is shown at all.

    >>> shown_of_class(np.array([[[0.7, np.nan, np.nan]]]), np.array([1])).round(3)
    array([[0.075]])
    """
    own = np.take_along_axis(scores, y[:, None, None], axis=2)[:, :, 0]
    shown = np.isfinite(scores)
    if shown.all():
        return own
    kept = np.where(shown, scores, 0.0).sum(axis=2)
    hidden = (~shown).sum(axis=2)
    smallest = np.where(shown, scores, np.inf).min(axis=2)
    bound = np.minimum(smallest, np.clip(1.0 - kept, 0.0, 1.0) / np.maximum(hidden, 1))
    guessed = np.where(shown.any(axis=2), bound / 2, np.nan)
    return np.where(np.isfinite(own), own, guessed)


def confusion_matrix(labels: Ints, y: Ints, classes: int) -> Floats:
    """Return (classes + 1, classes) smoothed p(outcome | answered label).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 0, 1]), 2).round(2).tolist()
    [[0.83, 0.17], [0.25, 0.75], [0.62, 0.38]]
    """
    counts = np.zeros((classes + 1, classes))
    np.add.at(counts, (np.where(labels < 0, classes, labels), y), 1.0)
    base = np.bincount(y, minlength=classes) + 0.5
    base = base / base.sum()
    prior = np.vstack([np.full((classes, classes), 1.0 / classes), base[None, :]])
    found: Floats = (counts + prior) / (counts + prior).sum(axis=1, keepdims=True)
    return found


def log_density(residuals: Floats) -> Callable[[Floats], Floats]:
    """Return the log of a normal density, of the residuals' mean square, without its constant."""
    spread = max(float(np.sqrt(np.mean(np.square(residuals)))), LEAST_SPREAD)
    return lambda off: np.maximum(-0.5 * (off / spread) ** 2, np.log(FLOOR) * 2)
