"""P-values by shuffling: is the attack's success more than a shuffle of the labels would give?"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from reticent.core import Floats
from reticent.stats._checks import checked_level, checked_scores

#: Cells of one block of shuffles; bounds the memory at a few tens of megabytes.
_BLOCK = 2_000_000


def p_from_null(observed: float, null: ArrayLike) -> float:
    """Return (b + 1) / (m + 1), b the shuffles that did at least as well as the observed value.

    Source: Phipson & Smyth 2010: never 0, and valid for any m.

    Args:
        observed: the statistic; higher means more leakage.
        null: (m,) the same statistic under shuffled labels or an untrained twin.

    >>> p_from_null(0.9, [0.5, 0.4, 0.6])
    0.25
    """
    values = np.asarray(null, dtype=np.float64).ravel()
    # A shuffle that gives the same value up to rounding counts as "as well".
    as_good = int((values >= observed - 1e-12 * max(1.0, abs(observed))).sum())
    return (as_good + 1) / (len(values) + 1)


def permutation_auc_p(
    member_scores: ArrayLike,
    non_member_scores: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = 999,
) -> float | None:
    """Return the one-sided p-value of "the AUC is above 1/2" by shuffling membership.

    Args:
        member_scores: (m,).
        non_member_scores: (k,).
        rng: of the shuffles.
        resamples: shuffles; the p-value is never below 1 / (resamples + 1).

    >>> permutation_auc_p(range(50, 90), range(40), rng=np.random.default_rng(1))
    0.001
    """
    members = checked_scores(member_scores, "member")
    others = checked_scores(non_member_scores, "non-member")
    ranks = rankdata(np.concatenate([members, others]))
    if not len(members) or not len(others):
        return None
    null = _shuffled(ranks, len(members), resamples, rng, lambda drawn, _: drawn.sum(axis=1))
    return p_from_null(float(ranks[: len(members)].sum()), null)


def permutation_tpr_p(
    member_scores: ArrayLike,
    non_member_scores: ArrayLike,
    fpr: float,
    *,
    rng: np.random.Generator,
    resamples: int = 999,
) -> float | None:
    """Return the one-sided p-value of "the TPR at this FPR is above chance" by shuffling.

    Args:
        member_scores: (m,).
        non_member_scores: (k,).
        fpr: allowed false positive rate; the threshold is found anew in every shuffle.
        rng: of the shuffles.
        resamples: shuffles.

    >>> permutation_tpr_p(range(50, 90), range(40), 0.1, rng=np.random.default_rng(1))
    0.001
    """
    members = checked_scores(member_scores, "member")
    others = checked_scores(non_member_scores, "non-member")
    checked_level(fpr, "fpr")
    m, k = len(members), len(others)
    if not m or not k:
        return None
    allowed = min(int(fpr * k + 1e-9), k - 1)

    def hits(drawn: Floats, rest: Floats) -> Floats:
        cut = np.partition(rest, k - allowed - 1, axis=1)[:, k - allowed - 1]
        above: Floats = (drawn > cut[:, None]).sum(axis=1).astype(np.float64)
        return above

    pooled = np.concatenate([members, others])
    observed = float(hits(members[None], others[None])[0])
    return p_from_null(observed, _shuffled(pooled, m, resamples, rng, hits))


def _shuffled(
    values: Floats,
    m: int,
    resamples: int,
    rng: np.random.Generator,
    statistic: Callable[[Floats, Floats], Floats],
) -> Floats:
    """Apply `statistic` to (block, m) drawn and (block, k) left values of every shuffle."""
    block = max(1, _BLOCK // max(1, len(values)))
    found = []
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        mixed = rng.permuted(np.broadcast_to(values, (size, len(values))), axis=1)
        found.append(statistic(mixed[:, :m], mixed[:, m:]))
    return np.concatenate(found) if found else np.empty(0)
