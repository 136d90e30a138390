"""Numbers that tell a text that was trained on from another, from what the model says to it."""

import zlib

import numpy as np

from reticent.core import Floats
from reticent.core.language import TokenLogprobs

LEAST = -1e6  # nats that stand for a text that cannot be drawn
_SMALLEST_SPREAD = 1e-6


def mean_logprob(said: TokenLogprobs) -> float:
    """Return the mean log-probability of the tokens that have one; NaN if none has."""
    shown = said.logprobs[~np.isnan(said.logprobs)]
    return float(shown.mean()) if len(shown) else np.nan


def least_share(values: Floats, share: float) -> float:
    """Return the mean of the lowest `share` of the numbers that are none NaN, at least of one.

    >>> least_share(np.array([np.nan, -1.0, -3.0, -5.0, -7.0]), 0.5)
    -6.0
    """
    shown = np.sort(values[~np.isnan(values)])
    if not len(shown):
        return np.nan
    return float(shown[: max(1, int(len(shown) * share))].mean())


def calibrated(said: TokenLogprobs) -> Floats:
    """Return each token's log-probability in standard deviations from its expectation (Min-K%++).

    Raises: ValueError if the moments were not asked for.
    """
    if said.means is None or said.spreads is None:
        raise ValueError("the moments of the next token's log-probability are needed")
    return np.asarray((said.logprobs - said.means) / np.maximum(said.spreads, _SMALLEST_SPREAD))


def least_window(said: TokenLogprobs, size: int) -> float:
    """Return the highest mean log-probability of any `size` tokens in a row; all if fewer."""
    shown = said.logprobs[~np.isnan(said.logprobs)]
    if len(shown) <= size:
        return float(shown.mean()) if len(shown) else np.nan
    sums = np.concatenate([[0.0], np.cumsum(shown)])
    return float((sums[size:] - sums[:-size]).max() / size)


def zlib_bits(text: str) -> int:
    """Return the bits that a text takes once compressed; at least 1."""
    return max(1, 8 * len(zlib.compress(text.encode("utf-8", "surrogatepass"))))


def ranked(scores: Floats) -> Floats:
    """Return scores with what could not be told below all that could."""
    told = scores[~np.isnan(scores)]
    low = float(told.min()) - 1 if len(told) else 0.0
    return np.where(np.isnan(scores), low, scores)
