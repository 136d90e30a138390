"""Exposures joined to how often each canary was planted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from reticent.attacks.language.canaries import CanaryClaim, Exposure
from reticent.core import BadInput, Floats, Leakage

#: Expected exposure of a secret that the model never saw: its rank is uniform, E[-log2 U].
NULL_BITS = 1 / math.log(2)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryLevel:
    """The canaries that were planted equally often.

    Attributes:
        copies: times that each was planted; 0 for those that never were. A guarantee of
            differential privacy for one record holds for a group of this size only as
            epsilon * copies.
        exposure: mean exposure in bits, its interval and its null of 1.44.
        over_never: mean exposure less that of the canaries never planted; None for those, or if
            there are none.
        p_value: of "as exposed as what was never seen", one-sided, exact: ln 2 times the exposures
            sum to a gamma variable.
        n_estimated: canaries whose exposure is an estimate.
        n_tail: those whose estimate is a fitted curve's, mostly too high.
        mean_upper_bits: mean of the upper ends; what the exposure may be at most.
    """

    copies: int
    exposure: Leakage
    over_never: Leakage | None
    p_value: float
    n_estimated: int
    n_tail: int
    mean_upper_bits: float


def grade_canaries(
    claim: CanaryClaim, copies: Sequence[int], *, confidence: float = 0.95
) -> tuple[CanaryLevel, ...]:
    """Return the exposures by the number of copies, fewest first.

    Args:
        claim: of all canaries.
        copies: (n,) times that each was planted.
        confidence: of the intervals, two-sided.

    Raises: BadInput if the numbers of canaries differ.
    """
    if len(copies) != len(claim.exposures):
        raise BadInput(
            f"There are {len(claim.exposures)} exposures and {len(copies)} canaries.",
            way_out="Grade a claim against the list that it was made with.",
        )
    levels: dict[int, list[Exposure]] = {}
    for count, each in zip(copies, claim.exposures, strict=True):
        levels.setdefault(count, []).append(each)
    never = np.array([each.bits for each in levels.get(0, [])])
    return tuple(
        _level(count, levels[count], never if count else never[:0], confidence)
        for count in sorted(levels)
    )


def null_p(bits: Floats) -> float:
    """Return the chance that secrets never seen are this exposed together.

    A rank is uniform then, so that P(exposure >= x) <= 2^-x and ln 2 times the sum of n exposures
    is at most a gamma variable of shape n.

    >>> round(null_p(np.array([1.0])), 6), round(null_p(np.array([20.0, 22.0])), 12)
    (0.5, 7e-12)
    """
    from scipy.stats import gamma

    return float(gamma.sf(float(bits.sum()) * math.log(2), len(bits)))


def _level(copies: int, found: list[Exposure], never: Floats, confidence: float) -> CanaryLevel:
    bits = np.array([each.bits for each in found])
    tails = sum(each.method == "tail" for each in found)
    return CanaryLevel(
        copies=copies,
        exposure=_mean(bits, copies, confidence),
        over_never=_difference(bits, never, confidence) if len(never) else None,
        p_value=null_p(bits),
        n_estimated=sum(each.estimated for each in found),
        n_tail=tails,
        mean_upper_bits=float(np.mean([each.upper for each in found])),
    )


def _mean(bits: Floats, copies: int, confidence: float) -> Leakage:
    lower = upper = None
    if len(bits) > 1:
        half = _t(confidence, len(bits) - 1) * float(bits.std(ddof=1)) / math.sqrt(len(bits))
        lower, upper = max(0.0, float(bits.mean()) - half), float(bits.mean()) + half
    return Leakage(
        metric="exposure_bits",
        estimate=float(bits.mean()),
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="student-t",
        null=NULL_BITS,
        n_members=len(bits) if copies else 0,
        n_non_members=0 if copies else len(bits),
        counts={"sum_bits": float(bits.sum()), "n": len(bits), "copies": copies},
    )


def _difference(bits: Floats, never: Floats, confidence: float) -> Leakage:
    """Return the difference of two means with Welch's interval."""
    estimate = float(bits.mean() - never.mean())
    lower = upper = None
    if len(bits) > 1 and len(never) > 1:
        a, b = float(bits.var(ddof=1)) / len(bits), float(never.var(ddof=1)) / len(never)
        if a + b == 0:
            lower = upper = estimate
        else:
            df = (a + b) ** 2 / (a**2 / (len(bits) - 1) + b**2 / (len(never) - 1))
            half = _t(confidence, df) * math.sqrt(a + b)
            lower, upper = estimate - half, estimate + half
    return Leakage(
        metric="exposure_over_never_planted_bits",
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="welch",
        null=0.0,
        n_members=len(bits),
        n_non_members=len(never),
        counts={"sum_bits": float(bits.sum()), "sum_bits_never": float(never.sum())},
    )


def _t(confidence: float, df: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, df))
