"""Intervals for differences: members minus non-members, attack minus baseline.

`paired_difference` and `gain` are about the same people, `difference` about different ones.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from reticent.core import BadInput, Leakage
from reticent.stats._checks import checked_counts, checked_level, checked_pair, checked_scores

PairedMethod = Literal["tango", "newcombe"]


def difference(
    hits_a: int,
    n_a: int,
    hits_b: int,
    n_b: int,
    *,
    metric: str = "difference",
    confidence: float = 0.95,
    null: float | None = 0.0,
) -> Leakage:
    """Return rate a minus rate b of two independent groups: hits_a / n_a - hits_b / n_b.

    Args:
        hits_a: successes among members (or treated).
        n_a: members; 0 gives None.
        hits_b: successes among non-members (or controls).
        n_b: non-members; 0 gives None.
        metric: its name, for print.
        confidence: of the two-sided interval.
        null: the value that no leakage would give.

    Source: Newcombe 1998 (Statistics in Medicine 17:873), method 10, through statsmodels.

    >>> leak = difference(60, 100, 40, 100)
    >>> round(leak.estimate, 2), round(leak.lower, 3), round(leak.upper, 3)
    (0.2, 0.061, 0.328)
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    checked_counts(hits_a, n_a, "hits_a")
    checked_counts(hits_b, n_b, "hits_b")
    checked_level(confidence, "confidence")
    estimate = lower = upper = None
    if n_a and n_b:
        estimate = hits_a / n_a - hits_b / n_b
        low, high = confint_proportions_2indep(
            hits_a, n_a, hits_b, n_b, method="newcomb", compare="diff", alpha=1 - confidence
        )
        lower = min(max(-1.0, float(low)), estimate)
        upper = max(min(1.0, float(high)), estimate)
    return Leakage(
        metric=metric,
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="newcombe",
        null=null,
        n_members=n_a,
        n_non_members=n_b,
        counts={"hits_a": hits_a, "n_a": n_a, "hits_b": hits_b, "n_b": n_b},
    )


def paired_difference(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    *,
    metric: str = "gain",
    confidence: float = 0.95,
    method: PairedMethod = "tango",
    null: float | None = 0.0,
    members: bool = True,
) -> Leakage:
    """Return rate a minus rate b on the same n people: (only_a - only_b) / n.

    Args:
        correct_a: (n,) whether a was right about each person.
        correct_b: (n,) whether b was.
        metric: its name, for print.
        confidence: of the two-sided interval.
        method: Tango's score interval, or Newcombe's hybrid (his paired method 10).
        null: the value that no leakage would give.
        members: whether the people were members (else non-members).

    Source: Tango 1998 (Statistics in Medicine 17:891); Newcombe 1998 (17:2635).

    >>> gain = paired_difference([1, 1, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0])
    >>> gain.estimate, round(gain.lower, 3), round(gain.upper, 3)
    (0.5, -0.086, 0.812)
    """
    a, b = checked_pair(correct_a, correct_b)
    checked_level(confidence, "confidence")
    n, both = len(a), int((a & b).sum())
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    estimate = lower = upper = None
    if n:
        z = float(ndtri(0.5 + confidence / 2))
        estimate = (only_a - only_b) / n
        limits = _tango if method == "tango" else _newcombe_paired
        low, high = limits(both, only_a, only_b, n, z)
        lower, upper = min(low, estimate), max(high, estimate)
    return Leakage(
        metric=metric,
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method=f"{method} paired",
        null=null,
        n_members=n if members else 0,
        n_non_members=0 if members else n,
        counts={"only_a": only_a, "only_b": only_b, "both": both, "n": n},
    )


def gain(
    correct_attack: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    *,
    metric: str = "gain",
    confidence: float = 0.95,
    method: PairedMethod = "tango",
    members: bool = True,
) -> Leakage:
    """Return attack minus the best baseline on the same people.

    The true gain is the smallest of the true differences, and which baseline is best is not known.
    The smallest of the lower ends is a valid lower end with no correction (the best baseline's
    own interval is among them); the upper end needs Bonferroni over the baselines.

    Args:
        correct_attack: (n,) whether the attack was right about each person.
        baselines: name -> (n,) whether that baseline was right; at least one.
        metric: its name, for print.
        confidence: of the two-sided interval.
        method: see `paired_difference`.
        members: whether the people were members (else non-members).

    Raises: BadInput without a baseline: there is no gain without one.

    >>> gain([1, 1, 1, 0], {"prior": [0, 0, 1, 0], "imputation": [1, 0, 1, 0]}).estimate
    0.25
    """
    if not baselines:
        raise BadInput(
            "gain was asked for with no baseline; it is the attack minus the best baseline.",
            way_out="Pass at least the prior's or the imputation's outcomes on the same people.",
        )
    tail = (1 - confidence) / 2
    strict = 1 - 2 * tail / len(baselines)
    plain = [
        paired_difference(
            correct_attack, b, metric=metric, confidence=confidence, method=method, members=members
        )
        for b in baselines.values()
    ]
    wide = [
        paired_difference(correct_attack, b, confidence=strict, method=method)
        for b in baselines.values()
    ]
    if plain[0].estimate is None:
        return plain[0]
    best = min(range(len(plain)), key=lambda i: plain[i].estimate or 0.0)
    return replace(
        plain[best],
        lower=min(one.lower for one in plain if one.lower is not None),
        upper=min(one.upper for one in wide if one.upper is not None),
        method=f"{method} paired, best of {len(plain)} baselines",
    )


def mean_difference(
    values_a: ArrayLike,
    values_b: ArrayLike,
    *,
    metric: str = "mean_difference",
    confidence: float = 0.95,
    method: Literal["t", "bca"] = "t",
    rng: np.random.Generator | None = None,
    resamples: int = 2000,
    null: float | None = 0.0,
    members: bool = True,
) -> Leakage:
    """Return the mean of a - b over the same people, for continuous errors.

    For errors, put the baseline's first: positive then means that the attack errs less.

    Args:
        values_a: (n,) one value a person.
        values_b: (n,) the other value of the same people.
        metric: its name, for print.
        confidence: of the two-sided interval.
        method: Student's t, or the BCa bootstrap for skewed differences (needs `rng`).
        rng: of the bootstrap.
        resamples: of the bootstrap.
        null: the value that no leakage would give.
        members: whether the people were members (else non-members).

    Raises: BadInput if the lengths differ, or for "bca" without a generator.

    >>> better = mean_difference([3.0, 4.0, 5.0], [2.0, 2.0, 2.0])
    >>> better.estimate, round(better.lower, 3), round(better.upper, 3)
    (2.0, -0.484, 4.484)
    """
    from scipy.stats import bootstrap, t

    a, b = checked_scores(values_a, "first"), checked_scores(values_b, "second")
    if len(a) != len(b):
        raise BadInput(
            f"{len(a)} values against {len(b)}; a paired difference needs the same people.",
            way_out="Grade both on the same candidates, in the same order.",
        )
    if method == "bca" and rng is None:
        raise BadInput("method 'bca' draws at random.", way_out="Pass rng, a numpy Generator.")
    each = a - b
    n = len(each)
    estimate = float(each.mean()) if n else None
    lower = upper = None
    if estimate is not None and n > 1:
        spread = float(each.std(ddof=1))
        if method == "bca" and spread > 0:
            found = bootstrap(
                (each,),
                np.mean,
                confidence_level=confidence,
                n_resamples=resamples,
                method="BCa",
                rng=rng,
            ).confidence_interval
            lower, upper = float(found.low), float(found.high)
        else:
            half = float(t.ppf(0.5 + confidence / 2, n - 1)) * spread / math.sqrt(n)
            lower, upper = estimate - half, estimate + half
    elif n == 1:
        lower, upper = -math.inf, math.inf  # one person says nothing about the spread
    return Leakage(
        metric=metric,
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method=f"paired {method}",
        null=null,
        n_members=n if members else 0,
        n_non_members=0 if members else n,
        counts={"sum_of_differences": float(each.sum()), "n": n},
    )


class McNemar(NamedTuple):
    """Exact p-values of a paired comparison, from the people on whom the two differ."""

    one_sided: float
    two_sided: float
    only_a: int
    only_b: int


def mcnemar_p(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Return the exact p-values of "a is right more often than b" and of "they differ".

    Args:
        correct_a: (n,) whether a was right about each person.
        correct_b: (n,) whether b was.

    Source: McNemar 1947, exact form: Binomial(only_a + only_b, 1/2).

    >>> mcnemar_p([1, 1, 1, 1, 1], [0, 0, 0, 0, 0]).one_sided
    0.03125
    """
    from scipy.stats import binomtest

    a, b = checked_pair(correct_a, correct_b)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a + only_b == 0:
        return McNemar(1.0, 1.0, 0, 0)
    one, two = (
        float(binomtest(only_a, only_a + only_b, 0.5, alternative=side).pvalue)
        for side in ("greater", "two-sided")
    )
    return McNemar(one, two, only_a, only_b)


def _tango(both: int, only_a: int, only_b: int, n: int, z: float) -> tuple[float, float]:
    """Solve |score(delta)| = z for both ends by bisection; the score falls in delta."""

    def score(delta: float) -> float:
        a, c = 2.0 * n, -only_b * delta * (1 - delta)
        b = -only_a - only_b + (2 * n - only_a + only_b) * delta
        rare = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)  # eq. 8 of the paper
        variance = n * (2 * rare + delta * (1 - delta))
        top = only_a - only_b - n * delta
        return top / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, top)

    estimate = (only_a - only_b) / n

    def solve(inside: float, outside: float, aim: float) -> float:
        for _ in range(60):
            middle = (inside + outside) / 2
            if abs(score(middle)) <= aim:
                inside = middle
            else:
                outside = middle
        return inside

    return solve(estimate, -1.0, z), solve(estimate, 1.0, z)


def _newcombe_paired(both: int, only_a: int, only_b: int, n: int, z: float) -> tuple[float, float]:
    """Square-and-add two Wilson intervals with a correction for their correlation."""

    def wilson(hits: int) -> tuple[float, float, float]:
        p = hits / n
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return p, middle - half, middle + half

    neither = n - both - only_a - only_b
    p_a, low_a, high_a = wilson(both + only_a)
    p_b, low_b, high_b = wilson(both + only_b)
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    cross = float(both * neither - only_a * only_b)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)  # Newcombe's continuity correction of phi
    phi = cross / math.sqrt(margins) if margins else 0.0
    down_a, up_a = p_a - low_a, high_a - p_a
    down_b, up_b = p_b - low_b, high_b - p_b
    below = math.sqrt(max(0.0, down_a**2 - 2 * phi * down_a * up_b + up_b**2))
    above = math.sqrt(max(0.0, up_a**2 - 2 * phi * up_a * down_b + down_b**2))
    return p_a - p_b - below, p_a - p_b + above
