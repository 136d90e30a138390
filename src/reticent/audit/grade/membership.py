"""Grade "was this record in the training set?" and "is somebody like this in there?"."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import hypergeom, mannwhitneyu

from reticent.audit.grade.base import Graded, Individuals, Reach, halves
from reticent.audit.record import Curve
from reticent.core import Bools, Floats, Leakage
from reticent.stats.confirm import best_threshold_split
from reticent.stats.epsilon import epsilon_ceiling, epsilon_lower
from reticent.stats.intervals import clopper_pearson
from reticent.stats.roc import auc, roc_band, tpr_at_fpr

LOW_FPRS = (0.01, 0.001)
EPSILON_DELTA = 1e-5
CURVE_POINTS = 60


def grade_membership(
    scores: Floats,
    is_member: Bools,
    rng: np.random.Generator,
    *,
    confidence: float,
    prior: float,
    ppv_declared: float,
    baseline: Leakage | None = None,
) -> Graded:
    """Join membership scores to the truth.

    Args:
        scores: (n,) higher means member; NaN counts as the lowest score (a failed attempt stays).
        is_member: (n,).
        rng: splits the people into a half for choosing and a half for confirming.
        confidence: of every interval.
        prior: share of members among the people an adversary would try.
        ppv_declared: precision at that prior from which individuals count as exposed.
        baseline: AUC of telling members apart without the model, if it was measured.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    ranks = _ranks(scores)
    inside, outside = ranks[is_member], ranks[~is_member]
    area = auc(inside, outside, confidence=confidence)
    low = [tpr_at_fpr(inside, outside, fpr, confidence=confidence) for fpr in LOW_FPRS]
    return Graded(
        primary=area,
        baseline=baseline,
        figures=(*low, *_epsilon(inside, outside, rng, confidence)),
        curves=_curves(inside, outside, confidence),
        p_value=_p_value(inside, outside),
        reach=Reach(kind="auc", n=len(inside), n_other=len(outside)),
        individuals=_individuals(ranks, is_member, rng, confidence, prior, ppv_declared),
        arrays={"scores": scores},
    )


def _ranks(scores: Floats) -> Floats:
    """Return the order of the scores alone, so that infinite scores are numbers too."""
    _, place = np.unique(scores, return_inverse=True)
    return place.astype(np.float64)


def _p_value(inside: Floats, outside: Floats) -> float | None:
    """Return twice the smaller of two exact or rank p-values: the middle, and the far end.

    An attack that is sure about a few and blind about the rest has an AUC near one half, so the
    members among the top 1 % of all scores are tested too (hypergeometric).
    """
    m, k = len(inside), len(outside)
    if m == 0 or k == 0:
        return None
    everywhere = float(mannwhitneyu(inside, outside, alternative="greater").pvalue)
    both = np.concatenate([inside, outside])
    top = max(1, round(0.01 * (m + k)))
    cut = np.partition(both, -top)[-top]
    flagged, hits = int((both >= cut).sum()), int((inside >= cut).sum())
    far = float(hypergeom.sf(hits - 1, m + k, m, flagged))
    return min(1.0, 2 * min(everywhere, far))


def _epsilon(
    inside: Floats, outside: Floats, rng: np.random.Generator, confidence: float
) -> Sequence[Leakage]:
    """Return an audited lower bound on epsilon, its threshold chosen on the other half."""
    a_in, b_in = halves(len(inside), rng)
    a_out, b_out = halves(len(outside), rng)
    if not (b_in.any() and b_out.any() and a_in.any() and a_out.any()):
        return ()
    cut = _cut(inside[a_in], outside[a_out])
    bound = epsilon_lower(
        int((inside[b_in] >= cut).sum()),
        int(b_in.sum()),
        int((outside[b_out] >= cut).sum()),
        int(b_out.sum()),
        delta=EPSILON_DELTA,
        confidence=confidence,
    )
    ceiling = epsilon_ceiling(int(min(b_in.sum(), b_out.sum())), confidence=confidence)
    top = Leakage(
        metric="epsilon_lower_ceiling",
        estimate=ceiling,
        lower=ceiling,
        upper=ceiling,
        confidence=confidence,
        method="the bound that a perfect attack on these people would give",
        n_members=int(b_in.sum()),
        n_non_members=int(b_out.sum()),
    )
    return (bound, top)


def _cut(inside: Floats, outside: Floats) -> float:
    """Return the threshold with the best one-sided ratio of rates on the half for choosing."""
    cuts = np.unique(inside)[-min(200, len(np.unique(inside))) :]
    tp = np.array([(inside >= c).sum() for c in cuts])
    fp = np.array([(outside >= c).sum() for c in cuts])
    low = clopper_pearson(tp, np.full(len(cuts), len(inside))).lower
    high = clopper_pearson(fp, np.full(len(cuts), len(outside))).upper
    return float(cuts[int(np.argmax(low / np.maximum(high, 1e-12)))])


def _individuals(
    ranks: Floats,
    is_member: Bools,
    rng: np.random.Generator,
    confidence: float,
    prior: float,
    ppv_declared: float,
) -> Individuals | None:
    first, second = halves(len(ranks), rng)
    a_in, a_out = ranks[first & is_member], ranks[first & ~is_member]
    if len(a_in) == 0 or len(a_out) == 0:
        return None
    inside, outside = ranks[second & is_member], ranks[second & ~is_member]
    if len(inside) == 0 or len(outside) == 0:
        return None
    found = best_threshold_split(
        a_in, a_out, inside, outside, max_fpr=LOW_FPRS[-1], prior=prior, confidence=confidence
    )
    flagged = second & (ranks > found.threshold)
    return Individuals(
        rows=np.flatnonzero(flagged & is_member),
        precision=found.ppv,
        confirmed=found.ppv.lower is not None and found.ppv.lower >= ppv_declared,
        rule=f"scores above the threshold with a false-positive rate of at most "
        f"{LOW_FPRS[-1]:g} on the first half",
        tpr=found.tpr,
        fpr=found.fpr,
    )


def _curves(inside: Floats, outside: Floats, confidence: float) -> tuple[Curve, ...]:
    if len(inside) == 0 or len(outside) == 0:
        return ()
    grid = np.geomspace(min(1 / len(outside), 0.4), 0.99, CURVE_POINTS)
    band = roc_band(inside, outside, fprs=grid.tolist(), confidence=confidence)
    return (
        Curve(
            name="roc",
            x=np.asarray(band.fpr).tolist(),
            y=np.asarray(band.tpr).tolist(),
            lower=np.asarray(band.lower).tolist(),
            upper=np.asarray(band.upper).tolist(),
        ),
    )
