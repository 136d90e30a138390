"""ROC curves, areas and low-FPR rates of one target model, with intervals that cover.

A candidate is called a member when its score is above the threshold, so ties with the threshold
count for neither side. For scores pooled over several models see `two_way`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import binom, rankdata

from reticent.core import Floats, Leakage
from reticent.stats._checks import checked_level, checked_scores
from reticent.stats.confirm import (
    Confirmed as Confirmed,
    best_threshold_split as best_threshold_split,
    ppv as ppv,
    ppv_interval as ppv_interval,
)
from reticent.stats.intervals import clopper_pearson


def roc_curve(member_scores: ArrayLike, non_member_scores: ArrayLike) -> tuple[Floats, Floats]:
    """Return the corners of the empirical ROC curve, from (0, 0) to (1, 1).

    Tied scores move both rates at once: one point a distinct score, so no order among ties can
    flatter the curve.

    Args:
        member_scores: (m,) higher means more likely a member.
        non_member_scores: (k,).

    Returns:
        fpr, tpr: (d + 1,) each, d distinct scores; empty if either side is empty.

    >>> fpr, tpr = roc_curve([3, 2, 2], [2, 1])
    >>> fpr.tolist(), tpr.round(2).tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.33, 1.0, 1.0])
    """
    members = np.sort(checked_scores(member_scores, "member"))
    others = np.sort(checked_scores(non_member_scores, "non-member"))
    if not len(members) or not len(others):
        return np.empty(0), np.empty(0)
    cuts = np.unique(np.concatenate([members, others]))[::-1]
    tpr = 1 - np.searchsorted(members, cuts, side="left") / len(members)
    fpr = 1 - np.searchsorted(others, cuts, side="left") / len(others)
    return np.concatenate([[0.0], fpr]), np.concatenate([[0.0], tpr])


def auc(
    member_scores: ArrayLike, non_member_scores: ArrayLike, *, confidence: float = 0.95
) -> Leakage:
    """Return the area under the ROC curve: U / (m k), ties counting half.

    The interval is DeLong's on the logit scale. When the two sides are perfectly apart (or all
    scores are tied) DeLong's variance is 0; then Newcombe's Wilson-like form is used, which is
    never degenerate.

    Source: DeLong et al. 1988; Newcombe 2006 (Statistics in Medicine 25:559), method 5.

    >>> area = auc([3.0, 2.0, 1.5, 1.2], [1.4, 1.0, 0.0, 0.5])
    >>> area.estimate, 0 < area.lower < area.estimate < area.upper < 1
    (0.9375, True)
    >>> perfect = auc(range(50, 100), range(50))
    >>> perfect.estimate, round(perfect.lower, 3), perfect.upper
    (1.0, 0.96, 1.0)
    """
    members = checked_scores(member_scores, "member")
    others = checked_scores(non_member_scores, "non-member")
    checked_level(confidence, "confidence")
    m, k = len(members), len(others)
    counts: dict[str, float] = {"n_members": m, "n_non_members": k}
    estimate = lower = upper = None
    method = "delong logit"
    if m and k:
        on_members, on_others = placements(members, others)
        u = float(on_members.sum() * k)
        counts["u"] = round(2 * u) / 2
        estimate = counts["u"] / (m * k)
        variance = 0.0
        if m > 1 and k > 1:
            variance = float(on_members.var(ddof=1)) / m + float(on_others.var(ddof=1)) / k
        z = float(ndtri(0.5 + confidence / 2))
        if variance > 1e-12 and 0 < estimate < 1:
            lower, upper = logit_limits(estimate, math.sqrt(variance), z)
        else:
            method = "newcombe 5"
            lower, upper = _newcombe_area(estimate, m, k, z)
        lower, upper = min(lower, estimate), max(upper, estimate)
    return Leakage(
        metric="auc",
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method=method,
        null=0.5,
        n_members=m,
        n_non_members=k,
        counts=counts,
    )


def tpr_at_fpr(
    member_scores: ArrayLike,
    non_member_scores: ArrayLike,
    fpr: float,
    *,
    confidence: float = 0.95,
    threshold_share: float = 0.5,
) -> Leakage:
    """Return the TPR at the threshold where the FPR is at most `fpr`, for one target model.

    The threshold is estimated too, and an interval that forgets it covers 62-80 % instead of 95.
    Here each end spends `threshold_share` of its error on the threshold (the order statistics of
    the non-members between which the population's threshold lies, by the binomial law) and the
    rest on a Clopper-Pearson end for the members above that order statistic. Members and
    non-members are independent, so the coverage is at least `confidence` for every sample size,
    every distribution and any ties; in simulation it is 96-100 %. The price is width: with fewer
    than about ln(4 / (1 - confidence)) / fpr non-members the lower end is 0.

    Args:
        member_scores: (m,).
        non_member_scores: (k,).
        fpr: the false positive rate that is allowed, 0 < fpr < 1.
        confidence: of the two-sided interval.
        threshold_share: share of each end's error that goes to the threshold.

    Source: order-statistic limits for a quantile (David & Nagaraja 2003, section 7.1); the
    combination is ours.

    >>> scores = [i / 1000 for i in range(1000)]
    >>> rate = tpr_at_fpr([s + 0.5 for s in scores], scores, 0.1)
    >>> rate.estimate, round(rate.lower, 2), round(rate.upper, 2)
    (0.6, 0.54, 0.66)
    """
    members = np.sort(checked_scores(member_scores, "member"))
    others = np.sort(checked_scores(non_member_scores, "non-member"))
    checked_level(fpr, "fpr")
    checked_level(confidence, "confidence")
    m, k = len(members), len(others)
    counts: dict[str, float] = {"n_members": m, "n_non_members": k, "fpr": fpr}
    estimate = lower = upper = None
    if m and k:
        band = _band(members, others, np.array([fpr]), confidence, threshold_share)
        allowed = math.floor(fpr * k + 1e-9)
        threshold = others[k - allowed - 1]
        counts["hits"] = m - int(np.searchsorted(members, threshold, side="right"))
        counts["false_positives"] = k - int(np.searchsorted(others, threshold, side="right"))
        estimate = counts["hits"] / m
        lower, upper = float(band.lower[0]), float(band.upper[0])
    return Leakage(
        metric=f"tpr_at_fpr_{fpr:g}",
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="order statistics and clopper-pearson",
        null=fpr,
        n_members=m,
        n_non_members=k,
        counts=counts,
    )


class RocBand(NamedTuple):
    """A ROC curve with a band, every array of shape (g,)."""

    fpr: Floats
    tpr: Floats
    lower: Floats
    upper: Floats


def roc_band(
    member_scores: ArrayLike,
    non_member_scores: ArrayLike,
    *,
    fprs: Sequence[float] | None = None,
    confidence: float = 0.95,
    simultaneous: bool = True,
    threshold_share: float = 0.5,
) -> RocBand:
    """Return the ROC curve and its band over a grid of FPRs, for the log-log plot.

    Args:
        member_scores: (m,).
        non_member_scores: (k,).
        fprs: (g,) grid, rising; by default 25 points, even on the log scale, from 1 / k to 1/2.
        confidence: that the whole curve lies in the band on the grid, or each point by itself.
        simultaneous: Bonferroni over the grid; False gives `tpr_at_fpr` at every point.
        threshold_share: see `tpr_at_fpr`.

    >>> band = roc_band(range(100), range(100), fprs=[0.1, 0.5])
    >>> band.tpr.tolist(), bool((band.lower <= band.tpr).all())
    ([0.1, 0.5], True)
    """
    members = np.sort(checked_scores(member_scores, "member"))
    others = np.sort(checked_scores(non_member_scores, "non-member"))
    checked_level(confidence, "confidence")
    empty = np.empty(0)
    if not len(members) or not len(others):
        return RocBand(empty, empty, empty, empty)
    grid = np.geomspace(min(0.4, 1 / len(others)), 0.5, 25) if fprs is None else np.array(fprs)
    for fpr in grid:
        checked_level(float(fpr), "fpr")
    level = 1 - (1 - confidence) / len(grid) if simultaneous else confidence
    return _band(members, others, grid, level, threshold_share)


def placements(members: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return DeLong's placements: P(other below each member) and P(member above each other).

    Both have the area as their mean; ties count half. Shapes (m,) and (k,).
    """
    m, k = len(members), len(others)
    ranks = rankdata(np.concatenate([members, others]))
    on_members = (ranks[:m] - rankdata(members)) / k
    on_others = 1 - (ranks[m:] - rankdata(others)) / m
    return on_members, on_others


def logit_limits(estimate: float, error: float, z: float) -> tuple[float, float]:
    """Return estimate +- z error on the logit scale, so that the ends stay inside (0, 1).

    >>> [round(end, 3) for end in logit_limits(0.9, 0.05, 1.96)]
    [0.752, 0.964]
    """
    middle = math.log(estimate / (1 - estimate))
    half = z * error / (estimate * (1 - estimate))
    low, high = (1 / (1 + math.exp(-max(-700.0, x))) for x in (middle - half, middle + half))
    return low, high


def _band(
    members: Floats, others: Floats, fprs: Floats, confidence: float, threshold_share: float
) -> RocBand:
    """Do what `tpr_at_fpr` says at every FPR of the grid; both samples come sorted."""
    m, k = len(members), len(others)
    tail = (1 - confidence) / 2
    for_threshold = tail * threshold_share
    exact = 1 - 2 * (tail - for_threshold)
    allowed = np.floor(fprs * k + 1e-9).astype(int)
    # Strict: the most exceedances that are still too few to happen by chance at the true
    # threshold, so the order statistic is above it. Lax: the fewest that are already too many.
    strict = np.asarray(binom.ppf(for_threshold, k, fprs)).astype(int)
    strict -= binom.cdf(strict, k, fprs) > for_threshold
    lax = np.asarray(binom.isf(for_threshold, k, fprs)).astype(int)
    lax += binom.sf(lax, k, fprs) > for_threshold
    padded = np.concatenate([[-np.inf], others, [np.inf]])

    def above(exceedances: np.ndarray) -> np.ndarray:
        cut = padded[np.clip(k - exceedances, 0, k + 1)]
        hits = m - np.searchsorted(members, cut, side="right")
        return np.where(exceedances < 0, 0, np.where(exceedances >= k, m, hits))

    lower = clopper_pearson(above(strict), m, confidence=exact).lower
    upper = clopper_pearson(above(lax), m, confidence=exact).upper
    return RocBand(fprs, above(np.minimum(allowed, k - 1)) / m, lower, upper)


def _newcombe_area(area: float, m: int, k: int, z: float) -> tuple[float, float]:
    """Solve |area - x| = z sqrt(V(x)), V of Hanley & McNeil with both sides' mean size."""
    mean_size = (m + k) / 2

    def gap(x: float) -> float:
        spread = 1 + (mean_size - 1) * ((1 - x) / (2 - x) + x / (1 + x))
        return abs(area - x) - z * math.sqrt(max(0.0, x * (1 - x) * spread / (m * k)))

    def solve(outside: float) -> float:
        inside = area
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if gap(middle) <= 0 else (inside, middle)
        return inside

    return solve(0.0), solve(1.0)
