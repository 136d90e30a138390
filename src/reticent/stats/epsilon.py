"""What an attack's success proves about differential privacy, and what an epsilon permits."""

import math

from reticent.core import BadInput, Leakage
from reticent.stats._checks import checked_counts, checked_level
from reticent.stats.intervals import clopper_pearson


def epsilon_lower(
    tp: int,
    n_members: int,
    fp: int,
    n_non_members: int,
    *,
    delta: float = 0.0,
    confidence: float = 0.95,
) -> Leakage:
    """Return the largest epsilon that the counts rule out: max(0, ln((TPR_L - delta) / FPR_U)).

    TPR_L and FPR_U are Clopper-Pearson ends, each erring at most (1 - confidence) / 2, so the
    bound holds with `confidence` one-sided. The same event also proves
    ln((TNR_L - delta) / FNR_U), and the larger of the two is kept. The threshold must have been
    chosen on other data. Here the figure *is* the bound: `estimate` equals `lower`, and `upper`
    is None, because no attack bounds epsilon from above; `counts["ceiling"]` is the most that so
    many candidates could have proved.

    Source: Jagielski, Ullman & Oprea 2020 (arXiv 2006.07709); Nasr et al. 2021 (2101.04535).

    Args:
        tp: members called members.
        n_members: members tried.
        fp: non-members called members.
        n_non_members: non-members tried.
        delta: of the (epsilon, delta) claim.
        confidence: that epsilon is above the bound.

    >>> round(epsilon_lower(100, 100, 0, 100).lower, 2)
    3.28
    """
    checked_counts(tp, n_members, "tp")
    checked_counts(fp, n_non_members, "fp")
    checked_level(confidence, "confidence")
    bound = None
    if n_members and n_non_members:
        bound = _bound(tp, n_members, fp, n_non_members, delta, confidence)
    ceiling = _bound(n_members, n_members, 0, n_non_members, delta, confidence)
    return Leakage(
        metric="epsilon_lower",
        estimate=bound,
        lower=bound,
        upper=None,
        confidence=confidence,
        method="clopper-pearson, alpha split",
        null=0.0,
        n_members=n_members,
        n_non_members=n_non_members,
        counts={
            "tp": tp,
            "n_members": n_members,
            "fp": fp,
            "n_non_members": n_non_members,
            "delta": delta,
            "ceiling": ceiling,
        },
    )


def epsilon_ceiling(
    n: int, n_non_members: int | None = None, *, delta: float = 0.0, confidence: float = 0.95
) -> float:
    """Return the epsilon that a perfect attack on n per side would prove.

    >>> [round(epsilon_ceiling(n), 2) for n in (100, 1_000, 10_000)]
    [3.28, 5.6, 7.9]
    """
    other = n if n_non_members is None else n_non_members
    return _bound(n, n, 0, other, delta, confidence)


def tpr_permitted(epsilon: float, fpr: float, delta: float = 0.0) -> float:
    """Return the highest TPR that (epsilon, delta)-differential privacy lets an attack have.

    TPR <= min(e^epsilon FPR + delta, 1 - e^-epsilon (1 - delta - FPR)).

    Source: Kairouz, Oh & Viswanath 2015, theorem 2.1 (both sides of the trade-off).

    >>> round(tpr_permitted(1.0, 0.01), 4), round(tpr_permitted(10.0, 0.001), 4)
    (0.0272, 1.0)
    """
    if epsilon < 0 or not 0 <= fpr <= 1 or not 0 <= delta <= 1:
        raise BadInput(
            f"epsilon = {epsilon}, fpr = {fpr}, delta = {delta}; epsilon is at least 0, the others "
            "lie in [0, 1].",
            way_out="Write rates as fractions, such as 0.001.",
        )
    near = math.exp(min(epsilon, 700.0)) * fpr + delta
    far = 1 - math.exp(-epsilon) * (1 - delta - fpr)
    return max(0.0, min(1.0, near, far))


def _bound(tp: int, n: int, fp: int, n_non: int, delta: float, confidence: float) -> float:
    if not n or not n_non:
        return 0.0
    tpr = float(clopper_pearson(tp, n, confidence=confidence).lower)
    fpr = float(clopper_pearson(fp, n_non, confidence=confidence).upper)
    best = 0.0
    for success, error in ((tpr, fpr), (1 - fpr, 1 - tpr)):
        if success > delta and error > 0:
            best = max(best, math.log((success - delta) / error))
    return best
