"""Intervals for proportions, and what certifies a small rate."""

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reticent.core import Floats, Leakage
from reticent.stats._checks import checked_counts, checked_level
from reticent.stats.differences import (
    McNemar as McNemar,
    difference as difference,
    gain as gain,
    mcnemar_p as mcnemar_p,
    mean_difference as mean_difference,
    paired_difference as paired_difference,
)

ProportionMethod = Literal["clopper-pearson", "wilson"]


class Limits(NamedTuple):
    """Two ends, floats or arrays of one shape."""

    lower: Floats
    upper: Floats


def clopper_pearson(hits: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Limits:
    """Return the exact limits of a binomial proportion, vectorised.

    Args:
        hits: successes, any shape.
        n: attempts, broadcast against `hits`; the limits are (0, 1) where n is 0.
        confidence: two-sided; each end alone errs at most (1 - confidence) / 2.

    Source: Clopper & Pearson 1934, through `statsmodels.stats.proportion`.

    >>> round(float(clopper_pearson(0, 100).upper), 4)
    0.0362
    """
    from statsmodels.stats.proportion import proportion_confint

    k, total = np.broadcast_arrays(np.asarray(hits, float), np.asarray(n, float))
    some = total > 0
    lower, upper = proportion_confint(
        np.where(some, k, 0), np.where(some, total, 1), alpha=1 - confidence, method="beta"
    )
    return Limits(np.where(some, lower, 0.0), np.where(some, upper, 1.0))


def wilson(hits: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Limits:
    """Return the Wilson score limits, vectorised: narrower than exact, coverage 95 % on average.

    Source: Wilson 1927, through `statsmodels.stats.proportion`.

    >>> round(float(wilson(0, 100).upper), 4)
    0.037
    """
    from statsmodels.stats.proportion import proportion_confint

    k, total = np.broadcast_arrays(np.asarray(hits, float), np.asarray(n, float))
    some = total > 0
    lower, upper = proportion_confint(
        np.where(some, k, 0), np.where(some, total, 1), alpha=1 - confidence, method="wilson"
    )
    return Limits(np.where(some, lower, 0.0), np.where(some, upper, 1.0))


def proportion(
    hits: int,
    n: int,
    *,
    metric: str,
    confidence: float = 0.95,
    method: ProportionMethod = "clopper-pearson",
    null: float | None = None,
    members: bool = True,
) -> Leakage:
    """Return a success rate: estimate = hits / n.

    Args:
        hits: successes; failed attempts count in n.
        n: attempts; 0 gives an estimate of None.
        metric: its name, for print.
        confidence: of the two-sided interval.
        method: exact by default; its coverage is never below nominal.
        null: the rate that no leakage would give.
        members: whether the n were members (else non-members).

    >>> rate = proportion(0, 100, metric="recall")
    >>> rate.estimate, rate.lower, round(rate.upper, 3)
    (0.0, 0.0, 0.036)
    """
    checked_counts(hits, n)
    checked_level(confidence, "confidence")
    estimate = lower = upper = None
    if n:
        limits = (wilson if method == "wilson" else clopper_pearson)(hits, n, confidence=confidence)
        estimate = hits / n
        lower = min(float(limits.lower), estimate)  # Wilson misses 0 and n by a rounding error
        upper = max(float(limits.upper), estimate)
    return Leakage(
        metric=metric,
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method=method,
        null=null,
        n_members=n if members else 0,
        n_non_members=0 if members else n,
        counts={"hits": hits, "n": n},
    )


def binomial_p(hits: int, n: int, null: float) -> float | None:
    """Return the exact one-sided p-value of "the rate is above `null`"; None without data.

    >>> round(binomial_p(15, 20, 0.5), 4)
    0.0207
    """
    from scipy.stats import binomtest

    checked_counts(hits, n)
    if n == 0:
        return None
    return float(binomtest(hits, n, null, alternative="greater").pvalue)


def upper_bound_zero_hits(n: int, confidence: float = 0.95) -> float:
    """Return the largest rate that zero hits in n leave possible, one-sided.

    Solves (1 - p)^n = 1 - confidence: the exact form of the rule of three, p <= 3 / n.

    >>> round(upper_bound_zero_hits(100), 4)
    0.0295
    """
    checked_level(confidence, "confidence")
    return 1.0 if n <= 0 else -math.expm1(math.log1p(-confidence) / n)


def controls_needed(fpr: float, confidence: float = 0.95) -> int:
    """Return how many controls with zero hits certify a rate of at most `fpr`, one-sided.

    >>> controls_needed(0.01), controls_needed(0.001)
    (299, 2995)
    """
    checked_level(fpr, "fpr")
    checked_level(confidence, "confidence")
    return math.ceil(math.log1p(-confidence) / math.log1p(-fpr))
