"""Numbers that describe one completion of a record among all its completions."""

import numpy as np

from reticent.attacks._complete import Answers
from reticent.attacks.attribute import _evidence as evidence
from reticent.core import Answer, Column, Floats

MOST_INDEX = 32  # beyond this many completions the place of one is no useful name
LOGIT_CLIP = 1e-3


def features(
    answers: Answers,
    observed: Answer | None,
    y: Column | None,
    log_prior: Floats,
    known: Floats,
) -> Floats:
    """Return (n, k, f): every completion as seen beside the others of its record.

    Absolute figures, then how each compares with the mean and the best of the rest: what tells
    the true value is rarely the level and mostly the difference.

    Args:
        answers: to all completions.
        observed: the answer on the true record, or None.
        y: (n,) outcomes, or None.
        log_prior: (n, k) belief without the model.
        known: (n, d) the known columns as numbers.
    """
    n, k = log_prior.shape
    parts = [log_prior, *_beside(log_prior)]
    for column in _of_answers(answers, y):
        parts += [column, *_beside(column)]
    if observed is not None:
        match = evidence.of_match(answers, observed)
        same = match >= -1e-12
        parts += [match, np.broadcast_to(same.sum(axis=1, keepdims=True), (n, k)).astype(float)]
    if k <= MOST_INDEX:
        parts.append(np.broadcast_to(np.arange(k, dtype=np.float64), (n, k)))
    context = known if y is None else np.column_stack([known, np.asarray(y, dtype=np.float64)])
    wide = np.broadcast_to(context[:, None, :], (n, k, context.shape[1]))
    return np.concatenate([np.stack(parts, axis=2), wide], axis=2)


def _of_answers(answers: Answers, y: Column | None) -> list[Floats]:
    """Return (n, k) columns of what was answered; NaN where nothing was."""
    columns: list[Floats] = []
    if answers.scores is not None:
        shown = np.where(np.isfinite(answers.scores), answers.scores, -np.inf)
        top = shown.max(axis=2)
        columns.append(_logit(np.where(np.isfinite(top), top, np.nan)))
        if y is not None:
            own = evidence.shown_of_class(answers.scores, np.asarray(y, dtype=np.int64))
            columns.append(_logit(own))
        else:
            columns += [_logit(answers.scores[:, :, c]) for c in range(answers.scores.shape[2])]
    elif answers.labels is not None:
        if y is not None:
            columns.append((answers.labels == np.asarray(y)[:, None]).astype(np.float64))
        columns.append(answers.labels.astype(np.float64))
    if answers.values is not None:
        columns.append(answers.values)
        if y is not None:
            columns.append(-np.abs(answers.values - np.asarray(y, dtype=np.float64)[:, None]))
    return columns


def _logit(p: Floats) -> Floats:
    held = np.clip(p, LOGIT_CLIP, 1 - LOGIT_CLIP)
    return np.asarray(np.log(held) - np.log1p(-held), dtype=np.float64)


def _beside(column: Floats) -> list[Floats]:
    """Return how each entry of a row differs from the mean and from the best of the others."""
    k = column.shape[1]
    if k < 2:
        return [np.zeros_like(column), np.zeros_like(column)]
    mean = (column.sum(axis=1, keepdims=True) - column) / (k - 1)
    ordered = np.sort(np.where(np.isnan(column), -np.inf, column), axis=1)
    best, next_best = ordered[:, -1:], ordered[:, -2:-1]
    rest = np.where(column >= best, next_best, best)
    with np.errstate(invalid="ignore"):
        return [column - mean, np.where(np.isfinite(rest), column - rest, np.nan)]
