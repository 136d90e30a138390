"""Individuals: chosen on one split, confirmed on another, with the chance that a call is right."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reticent.core import BadInput, Leakage
from reticent.stats._checks import checked_counts, checked_level, checked_scores
from reticent.stats.intervals import clopper_pearson, proportion


def ppv(tpr: float, fpr: float, prior: float) -> float | None:
    """Return the chance that somebody who is called a member is one; None if nobody is called.

    PPV = prior TPR / (prior TPR + (1 - prior) FPR).

    >>> round(ppv(0.5, 0.001, 0.01), 3)
    0.835
    """
    for name, value in (("tpr", tpr), ("fpr", fpr), ("prior", prior)):
        if not 0.0 <= value <= 1.0:
            raise BadInput(
                f"{name} = {value}; it must lie in [0, 1].", way_out="Write rates as fractions."
            )
    right, wrong = prior * tpr, (1 - prior) * fpr
    return right / (right + wrong) if right + wrong > 0 else None


def ppv_interval(
    tp: int,
    n_members: int,
    fp: int,
    n_non_members: int,
    prior: float,
    *,
    confidence: float = 0.95,
) -> Leakage:
    """Return the PPV at a realistic prior, from counts on data the threshold has not seen.

    PPV rises with TPR and falls with FPR, so its lower end is the PPV of the lower TPR and the
    upper FPR: Clopper-Pearson ends, the error of each end split in two.

    Args:
        tp: members called members.
        n_members: members tried.
        fp: non-members called members.
        n_non_members: non-members tried.
        prior: share of members among those an adversary would try.
        confidence: of the two-sided interval.

    >>> sure = ppv_interval(500, 1000, 0, 5000, 0.5)
    >>> sure.estimate, round(sure.lower, 3)
    (1.0, 0.998)
    """
    checked_counts(tp, n_members, "tp")
    checked_counts(fp, n_non_members, "fp")
    checked_level(confidence, "confidence")
    estimate = lower = upper = None
    if n_members and n_non_members:
        estimate = ppv(tp / n_members, fp / n_non_members, prior)
        split = 1 - (1 - confidence) / 2
        t = clopper_pearson(tp, n_members, confidence=split)
        f = clopper_pearson(fp, n_non_members, confidence=split)
        if estimate is not None:
            lower = ppv(float(t.lower), float(f.upper), prior)
            upper = ppv(float(t.upper), float(f.lower), prior)
    return Leakage(
        metric="ppv",
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="clopper-pearson, alpha split",
        null=prior,
        n_members=n_members,
        n_non_members=n_non_members,
        counts={
            "tp": tp,
            "n_members": n_members,
            "fp": fp,
            "n_non_members": n_non_members,
            "prior": prior,
        },
    )


class Confirmed(NamedTuple):
    """One threshold, found on split 1, and what it does on split 2.

    Attributes:
        threshold: a candidate above it is called a member; inf if split 1 offered none.
        tpr: on split 2's members; null is the allowed FPR.
        fpr: on split 2's non-members.
        ppv: at the prior.
    """

    threshold: float
    tpr: Leakage
    fpr: Leakage
    ppv: Leakage


def best_threshold_split(
    members_1: ArrayLike,
    non_members_1: ArrayLike,
    members_2: ArrayLike,
    non_members_2: ArrayLike,
    *,
    max_fpr: float = 0.001,
    prior: float = 0.5,
    confidence: float = 0.95,
) -> Confirmed:
    """Choose the threshold on split 1 and evaluate it on split 2, where it is a constant.

    The threshold is the lowest whose false positive rate on split 1 is at most `max_fpr`.

    Args:
        members_1: (m1,) scores to choose on.
        non_members_1: (k1,).
        members_2: (m2,) scores of other people, to confirm on.
        non_members_2: (k2,).
        max_fpr: allowed on split 1.
        prior: see `ppv_interval`.
        confidence: of every interval.

    >>> found = best_threshold_split([], range(100), [150, 50], range(100), max_fpr=0.01)
    >>> found.threshold, found.tpr.estimate, found.fpr.estimate
    (98.0, 0.5, 0.01)
    """
    checked_scores(members_1, "member")  # the rule needs the non-members only
    others = np.sort(checked_scores(non_members_1, "non-member"))
    checked_level(max_fpr, "max_fpr")
    members, controls = (
        checked_scores(members_2, "member"),
        checked_scores(non_members_2, "non-member"),
    )
    threshold = math.inf
    if len(others):
        allowed = min(math.floor(max_fpr * len(others) + 1e-9), len(others) - 1)
        threshold = float(others[len(others) - allowed - 1])
    tp, fp = int((members > threshold).sum()), int((controls > threshold).sum())
    name = f"at_threshold_for_fpr_{max_fpr:g}"
    return Confirmed(
        threshold,
        proportion(tp, len(members), metric=f"tpr_{name}", confidence=confidence, null=max_fpr),
        proportion(fp, len(controls), metric=f"fpr_{name}", confidence=confidence, members=False),
        ppv_interval(tp, len(members), fp, len(controls), prior, confidence=confidence),
    )
