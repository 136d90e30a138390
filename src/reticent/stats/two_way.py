"""Intervals that generalise over records and over models.

Scores of several target models on the same records are not independent: a model shifts all of its
scores, and a record is easy or hard for every model. Both are drawn again here (Owen's pigeonhole
bootstrap): a cell (i, j) weighs w_i v_j, w and v the multinomial counts of models and records.

It counts the variance of single cells too often, so with many models it is wide rather than
narrow; with few models it is too narrow in the models' direction, as any bootstrap of four things
is. Therefore its ends are moved outwards whenever Student's t with Satterthwaite's degrees of
freedom over the two one-way variances asks for more; they are never moved inwards.

Source: Owen 2007 (Annals of Applied Statistics 1:386); Satterthwaite 1946.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import t as student

from reticent.core import BadInput, Bools, Floats, Ints, Leakage
from reticent.stats._checks import checked_level
from reticent.stats.intervals import clopper_pearson
from reticent.stats.roc import placements, tpr_at_fpr

#: Weights held at once; bounds the memory at a few tens of megabytes.
_BLOCK = 2_000_000

#: With fewer false positives allowed than this, their number is no basis for a bootstrap alone.
FEW = 10

#: Draws of (models, records): weights of shape (b, m) and (b, n) to b values of the statistic.
Statistic = Callable[[Floats, Floats], Floats]


def two_way_tpr_at_fpr(
    scores: ArrayLike,
    membership: ArrayLike,
    fpr: float,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 400,
) -> Leakage:
    """Return the TPR at a pooled FPR, one threshold for all models.

    The threshold is found anew in every draw, so its doubt is in the interval.

    Args:
        scores: (m, n) of m models on n records, higher means more likely a member.
        membership: (m, n) whether model i was trained on record j.
        fpr: allowed false positive rate over all (model, record) pairs.
        rng: of the draws.
        confidence: of the two-sided interval.
        resamples: draws.

    Raises: BadInput with fewer than 2 models or records; use `roc.tpr_at_fpr` for one model.
    """
    s, y = _checked(scores, membership)
    checked_level(fpr, "fpr")
    counts = _counts(y) | {"fpr": fpr}
    rate = _Rate.of(s, y, fpr)
    estimate = lower = upper = None
    if rate is not None:
        estimate = rate.hits / counts["n_members"]
        counts["hits"] = rate.hits
        lower, upper = _limits(rate.draw, estimate, s.shape, rng, confidence, resamples)
        if rate.allowed < FEW:
            # Too few false positives to resample the threshold: no narrower than independent
            # cells would make it, and with fewer than about 4 the lower end is 0.
            exact = tpr_at_fpr(s[y], s[~y], fpr, confidence=confidence)
            lower, upper = min(lower, exact.lower or 0.0), max(upper, exact.upper or 1.0)
        if rate.hits == 0:
            # Nothing to resample: each record is one trial, however many models saw it.
            trials = min(s.shape[1], int(counts["n_members"]))
            upper = max(upper, float(clopper_pearson(0, trials, confidence=confidence).upper))
        lower, upper = max(0.0, lower), min(1.0, upper)
    return _leakage(f"tpr_at_fpr_{fpr:g}", estimate, lower, upper, confidence, fpr, counts)


def two_way_auc(
    scores: ArrayLike,
    membership: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 400,
) -> Leakage:
    """Return the AUC over all (model, record) pairs: the area of the pooled ROC curve.

    Draws use the first-order form of the AUC (DeLong's placements), which makes a draw two matrix
    products instead of a sort.

    Args:
        scores: (m, n).
        membership: (m, n).
        rng: of the draws.
        confidence: of the two-sided interval.
        resamples: draws.

    Raises: BadInput with fewer than 2 models or records; use `roc.auc` for one model.
    """
    s, y = _checked(scores, membership)
    counts = _counts(y)
    estimate = lower = upper = None
    if y.any() and not y.all():
        placed = np.empty(s.shape)
        placed[y], placed[~y] = placements(s[y], s[~y])
        area = float(placed[y].mean())
        counts["u"] = round(2 * area * counts["n_members"] * counts["n_non_members"]) / 2
        estimate = counts["u"] / (counts["n_members"] * counts["n_non_members"])
        ours, theirs = np.where(y, placed, 0.0), np.where(y, 0.0, placed)
        here = y.astype(np.float64)

        def draw(w: Floats, v: Floats) -> Floats:
            members, others = _weigh(w, v, here), _weigh(w, v, 1 - here)
            with np.errstate(invalid="ignore"):
                drawn: Floats = _weigh(w, v, ours) / members + _weigh(w, v, theirs) / others - area
            return drawn

        lower, upper = _limits(draw, estimate, s.shape, rng, confidence, resamples)
        lower, upper = max(0.0, lower), min(1.0, upper)
        if upper - lower < 1e-9:
            # Perfectly apart, or all tied: each record is one trial that went one way.
            trials = s.shape[1]
            exact = clopper_pearson(round(estimate * trials), trials, confidence=confidence)
            lower, upper = min(estimate, float(exact.lower)), max(estimate, float(exact.upper))
    return _leakage("auc", estimate, lower, upper, confidence, 0.5, counts)


def two_way_tpr_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    membership: ArrayLike,
    fpr: float,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 400,
) -> Leakage:
    """Return attack a's TPR minus attack b's, both at the same FPR on the same models and records.

    Both are drawn together, so what they share cancels. `a` is significantly below `b` when
    `upper` < 0.

    Args:
        scores_a: (m, n).
        scores_b: (m, n).
        membership: (m, n).
        fpr: allowed false positive rate, each attack at its own threshold.
        rng: of the draws.
        confidence: of the two-sided interval.
        resamples: draws.

    Raises: BadInput with fewer than 2 models or records, or if the shapes differ.
    """
    a, y = _checked(scores_a, membership)
    b, _ = _checked(scores_b, membership)
    checked_level(fpr, "fpr")
    counts = _counts(y) | {"fpr": fpr}
    first, second = _Rate.of(a, y, fpr), _Rate.of(b, y, fpr)
    estimate = lower = upper = None
    if first is not None and second is not None:
        counts |= {"hits_a": first.hits, "hits_b": second.hits}
        estimate = (first.hits - second.hits) / counts["n_members"]
        if first.hits + second.hits == 0:
            unseen = float(clopper_pearson(0, a.shape[1], confidence=confidence).upper)
            lower, upper = -unseen, unseen
        else:

            def draw(w: Floats, v: Floats) -> Floats:
                return first.draw(w, v) - second.draw(w, v)

            lower, upper = _limits(draw, estimate, a.shape, rng, confidence, resamples)
            lower, upper = max(-1.0, lower), min(1.0, upper)
    name = f"tpr_difference_at_fpr_{fpr:g}"
    return _leakage(name, estimate, lower, upper, confidence, 0.0, counts)


class _Rate(NamedTuple):
    """A pooled TPR at an FPR that can be drawn again.

    Attributes:
        model: (m n,) row of each cell, from the highest score down.
        record: (m n,) its column.
        member: (m n,) its truth; non-members come first among ties, so that a tie is no success.
        here: (m, n) membership as 0 and 1.
        hits: members above the threshold in the data as they are.
        allowed: non-members that may be above it.
        reach: cells from the top in which nearly every draw finds its threshold.
    """

    model: Ints
    record: Ints
    member: Bools
    here: Floats
    fpr: float
    hits: int
    allowed: int
    reach: int

    @staticmethod
    def of(scores: Floats, y: Bools, fpr: float) -> "_Rate | None":
        others = int((~y).sum())
        if others in (0, y.size):
            return None
        order = np.lexsort((y.ravel(), -scores.ravel()))
        member = y.ravel()[order]
        above = np.cumsum(~member)
        allowed = min(math.floor(fpr * others + 1e-9), others - 1)
        hits = int(member[: int(np.searchsorted(above, allowed, side="right"))].sum())
        reach = int(np.searchsorted(above, min(others, 2 * allowed + 50), side="left")) + 1
        model, record = np.divmod(order, scores.shape[1])
        here = y.astype(np.float64)
        return _Rate(model, record, member, here, fpr, hits, allowed, reach)

    def draw(self, w: Floats, v: Floats) -> Floats:
        """Return the TPR under every row of weights, shape (b,); NaN where nobody is drawn."""
        members, others = _weigh(w, v, self.here), _weigh(w, v, 1 - self.here)
        found = np.zeros(len(w))
        left, reach = np.arange(len(w)), self.reach
        while len(left):
            reach = min(reach, len(self.member))
            member, deeper = self.member[:reach], []
            step = max(1, _BLOCK // reach)
            for start in range(0, len(left), step):
                rows = left[start : start + step, None]
                weight = w[rows, self.model[:reach]] * v[rows, self.record[:reach]]
                weight = weight.astype(np.float32)
                above = np.cumsum(np.where(member, np.float32(0), weight), axis=1)
                inside = above <= self.fpr * others[rows] + 1e-6
                found[rows[:, 0]] = (weight * (inside & member)).sum(axis=1)
                deeper.append(rows[inside[:, -1], 0])
            # A draw that leaves out the loudest model finds its threshold further down.
            left = np.concatenate(deeper) if reach < len(self.member) else left[:0]
            reach *= 4
        with np.errstate(invalid="ignore"):
            rate: Floats = found / members
        return rate


def _limits(
    draw: Statistic,
    estimate: float,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    confidence: float,
    resamples: int,
) -> tuple[float, float]:
    """Return the pigeonhole percentiles, moved outwards where few models ask for it."""
    m, n = shape
    tail = (1 - confidence) / 2
    models = rng.multinomial(m, [1 / m] * m, resamples).astype(np.float64)
    records = rng.multinomial(n, [1 / n] * n, resamples).astype(np.float64)
    both = draw(models, records)
    both = both[np.isfinite(both)]
    some = min(resamples, max(50, resamples // 2))
    by_model = _variance(draw(models[:some], np.ones((some, n)))) * m / (m - 1)
    by_record = _variance(draw(np.ones((some, m)), records[:some])) * n / (n - 1)
    if len(both) < 2:
        return -math.inf, math.inf
    lower, upper = (float(end) for end in np.quantile(both, [tail, 1 - tail]))
    lower, upper = min(lower, estimate), max(upper, estimate)
    total, spread = by_model + by_record, math.sqrt(_variance(both))
    if total > 0 and spread > 0:
        freedom = total**2 / (by_model**2 / (m - 1) + by_record**2 / (n - 1))
        asked = float(student.ppf(1 - tail, freedom)) * math.sqrt(total)
        factor = max(1.0, asked / (float(ndtri(1 - tail)) * spread))
        lower = estimate - factor * (estimate - lower)
        upper = estimate + factor * (upper - estimate)
    return lower, upper


def _weigh(w: Floats, v: Floats, cells: Floats) -> Floats:
    """Return sum_ij w_bi cells_ij v_bj for every draw b, shape (b,)."""
    weighed: Floats = ((w @ cells) * v).sum(axis=1)
    return weighed


def _variance(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.var(ddof=1)) if len(finite) > 1 else 0.0


def _checked(scores: ArrayLike, membership: ArrayLike) -> tuple[Floats, Bools]:
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(membership, dtype=bool)
    if s.ndim != 2 or s.shape != y.shape:
        raise BadInput(
            f"scores are {s.shape} and membership {y.shape}; both must be (models, records).",
            way_out="Stack one row a target model over the same records.",
        )
    if min(s.shape) < 2:
        raise BadInput(
            f"{s.shape[0]} models and {s.shape[1]} records; a two-way interval needs 2 of each.",
            way_out="For one target model use roc.auc or roc.tpr_at_fpr.",
        )
    if np.isnan(s).any():
        raise BadInput(
            f"{int(np.isnan(s).sum())} of {s.size} scores are NaN.",
            way_out="Give a failed attempt the lowest score, so that it stays in the denominator.",
        )
    return s, y


def _counts(y: Bools) -> dict[str, float]:
    return {
        "n_members": int(y.sum()),
        "n_non_members": int((~y).sum()),
        "models": y.shape[0],
        "records": y.shape[1],
    }


def _leakage(
    metric: str,
    estimate: float | None,
    lower: float | None,
    upper: float | None,
    confidence: float,
    null: float,
    counts: dict[str, float],
) -> Leakage:
    return Leakage(
        metric=metric,
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="two-way bootstrap",
        null=null,
        n_members=int(counts["n_members"]),
        n_non_members=int(counts["n_non_members"]),
        counts=counts,
    )
