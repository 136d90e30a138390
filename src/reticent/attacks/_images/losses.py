"""What a picture is to maximise or minimise, as a function of a classifier's logits."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from reticent.core import Floats, Ints

LossName = Literal["logit", "margin", "cross-entropy", "poincare"]

#: logits (m, k), wanted class (m,) -> loss (m,) and its gradient by the logits (m, k).
Loss = Callable[[Floats, Ints], tuple[Floats, Floats]]

_NEARLY_ONE = 0.9999  # Poincare's ball is open: a corner of it is infinitely far away
_TINY = 1e-7


def logit(logits: Floats, y: Ints) -> tuple[Floats, Floats]:
    """Return minus the wanted logit over the mean of all; it never saturates."""
    k = logits.shape[1]
    hot = _hot(y, k)
    slope = 1 / k - hot
    return np.asarray((slope * logits).sum(axis=1)), slope


def margin(logits: Floats, y: Ints) -> tuple[Floats, Floats]:
    """Return minus the wanted logit over the best other one (Carlini & Wagner 2017)."""
    hot = _hot(y, logits.shape[1])
    other = np.where(hot > 0, -np.inf, np.nan_to_num(logits, nan=-np.inf)).argmax(axis=1)
    slope = _hot(other, logits.shape[1]) - hot
    return np.asarray((slope * logits).sum(axis=1)), slope


def cross_entropy(logits: Floats, y: Ints) -> tuple[Floats, Floats]:
    """Return minus the log-probability of the wanted class (Fredrikson et al. 2015)."""
    top = logits.max(axis=1, keepdims=True)
    e = np.exp(logits - top)
    total = e.sum(axis=1, keepdims=True)
    hot = _hot(y, logits.shape[1])
    loss = np.log(total[:, 0]) + top[:, 0] - (hot * logits).sum(axis=1)
    return np.asarray(loss), np.asarray(e / total - hot)


def poincare(logits: Floats, y: Ints) -> tuple[Floats, Floats]:
    """Return the distance in Poincare's ball from the logits' direction to the wanted corner.

    Source: Struppek et al. 2022, Plug & Play Attacks, https://arxiv.org/abs/2201.12179, eq. 3.
    """
    length = np.abs(logits).sum(axis=1, keepdims=True) + _TINY
    u = logits / length
    hot = _hot(y, logits.shape[1])
    away = u - _NEARLY_ONE * hot
    a = (away**2).sum(axis=1, keepdims=True)
    b = np.maximum(1 - (u**2).sum(axis=1, keepdims=True), _TINY)
    c = 1 - _NEARLY_ONE**2
    ratio = 1 + 2 * a / (b * c)
    by_u = (4 * away / (b * c) + 4 * a * u / (b**2 * c)) / np.sqrt(np.maximum(ratio**2 - 1, _TINY))
    # u = z / |z|: the chain rule through the sum of magnitudes.
    slope = (by_u - np.sign(logits) * (by_u * u).sum(axis=1, keepdims=True)) / length
    return np.asarray(np.arccosh(ratio[:, 0])), np.asarray(slope)


LOSSES: Mapping[LossName, Loss] = {
    "logit": logit,
    "margin": margin,
    "cross-entropy": cross_entropy,
    "poincare": poincare,
}


def _hot(y: Ints, k: int) -> Floats:
    return np.asarray(np.eye(k)[y])
