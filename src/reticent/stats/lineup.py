"""Line-ups: a judge picks one of k people for each picture; how often is it the right one?

Chance is 1 / k whatever the judge's habits: each person is wanted once, so a judge that always
names the same one is right once in k.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from reticent.core import BadInput, Floats, Ints, Leakage
from reticent.stats._checks import checked_counts, checked_level
from reticent.stats.intervals import binomial_p, clopper_pearson, proportion

NOBODY = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share as it was counted, for example of genuine photos that a judge recognises.

    Attributes:
        hits: successes.
        n: attempts.
    """

    hits: int
    n: int

    def __post_init__(self) -> None:
        checked_counts(self.hits, self.n)


def ranks(scores: Floats, wanted: Ints) -> Ints:
    """Return (m,) at which place the wanted person comes, from 1.

    A tie counts against the picture, and so does a score that is no number: whoever is not told
    apart was not found.

    Args:
        scores: (m, k) of a judge, higher is likelier.
        wanted: (m,) the person each picture was made to show.

    >>> ranks(np.array([[0.1, 0.9, 0.3], [0.5, 0.5, 0.1]]), np.array([2, 0])).tolist()
    [2, 2]
    """
    own = np.take_along_axis(scores, wanted[:, None], axis=1)
    # "Not below" and not "above or equal": what is no number is not below anything.
    before = (~(scores < own)).sum(axis=1)
    return np.asarray(before, dtype=np.int64)


def picks(scores: Floats) -> Ints:
    """Return (m,) whom a judge picks; -1 where the first place is shared or nothing was scored.

    >>> picks(np.array([[0.1, 0.9], [0.5, 0.5], [np.nan, np.nan]])).tolist()
    [1, -1, -1]
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    best = known.max(axis=1)
    alone = ((known == best[:, None]).sum(axis=1) == 1) & ~np.isneginf(best)
    return np.where(alone, known.argmax(axis=1), NOBODY).astype(np.int64)


def agreed(panel: Sequence[Ints], *, needed: int = 2) -> Ints:
    """Return (m,) the person whom at least `needed` judges pick; -1 where there is none.

    Args:
        panel: (m,) picks of each judge.
        needed: judges that must agree; more than half of them, so that two people cannot both be
            agreed on.

    Raises: BadInput for too few judges, or if half of them would be enough.

    >>> agreed([np.array([1, 2, 3]), np.array([1, 0, -1]), np.array([0, 0, -1])]).tolist()
    [1, 0, -1]
    """
    if not len(panel) / 2 < needed <= len(panel):
        raise BadInput(
            f"{needed} of {len(panel)} judges are to agree; it must be more than half of them.",
            way_out="Use three judges and let two agree.",
        )
    table = np.stack(panel)
    out = np.full(table.shape[1], NOBODY, dtype=np.int64)
    for one in table:
        enough = ((table == one).sum(axis=0) >= needed) & (one != NOBODY)
        out = np.where(enough, one, out)
    return out


def line_up(
    places: Ints, k: int, *, top: int = 1, metric: str = "line_up", confidence: float = 0.95
) -> Leakage:
    """Return the share of pictures whose wanted person comes among the first `top` of k.

    Args:
        places: (m,) as from `ranks`.
        k: people in the line-up.
        top: places that count.
        metric: its name, for print.
        confidence: of the exact (Clopper-Pearson) interval.

    >>> found = line_up(np.array([1, 1, 3]), 10)
    >>> round(found.estimate, 3), found.null
    (0.667, 0.1)
    """
    hits = int((places <= top).sum())
    return _rate(hits, len(places), k, top=top, metric=metric, confidence=confidence)


def agreement(
    chosen: Ints, wanted: Ints, k: int, *, metric: str = "line_up_2of3", confidence: float = 0.95
) -> Leakage:
    """Return the share of pictures on which the judges agree on the right person.

    Args:
        chosen: (m,) as from `agreed`.
        wanted: (m,) the person each picture was made to show.
        k: people in the line-up. Chance is at most 1 / k: the judges may agree on nobody.
        metric: its name, for print.
        confidence: of the exact (Clopper-Pearson) interval.
    """
    hits = int((chosen == wanted).sum())
    return _rate(hits, len(wanted), k, top=1, metric=metric, confidence=confidence)


def line_up_p(hits: int, n: int, k: int) -> float | None:
    """Return the exact one-sided p-value of "right more often than once in k".

    >>> line_up_p(40, 40, 40) < 1e-60, line_up_p(1, 40, 40) > 0.5
    (True, True)
    """
    return binomial_p(hits, n, 1 / k)


def corrected(
    seen: Rate,
    sensitivity: Rate,
    false_match: Rate | float,
    *,
    metric: str = "shown",
    confidence: float = 0.95,
) -> Leakage:
    """Return the share of pictures that truly show their person, judged by an imperfect judge.

    (seen - false) / (sensitivity - false): Rogan & Gladen 1978, with false = 1 - specificity.
    A judge that misses one genuine photo in ten would else hide a tenth of what leaked.
    The interval holds for certain: each of the shares that were counted gets an exact interval
    and its part of the error, and the ends are the extremes over all of them together.

    Args:
        seen: pictures picked right, of all pictures.
        sensitivity: genuine photos picked right, of photos that the judge had not seen.
        false_match: how often a picture of nobody is taken for the wanted person: 1 / k for one
            judge, or as counted.
        metric: its name, for print.
        confidence: of the whole.

    >>> share = corrected(Rate(hits=36, n=40), Rate(hits=252, n=280), 1 / 40)
    >>> round(share.estimate, 3), round(share.lower, 3), share.upper
    (1.0, 0.788, 1.0)
    """
    checked_level(confidence, "confidence")
    counted = [r for r in (seen, sensitivity, false_match) if isinstance(r, Rate)]
    each = 1 - (1 - confidence) / len(counted)
    ends = [_ends(r, each) for r in (seen, sensitivity, false_match)]
    estimate = lower = upper = None
    if all(rate.n for rate in counted):
        estimate = _share(*(_point(r) for r in (seen, sensitivity, false_match)))
        # The share rises or falls in each argument for any value of the others, so that its
        # extremes over the box lie in corners.
        corners = [_share(*corner) for corner in product(*ends)]
        if None in corners:  # the judge may be no better than chance: nothing is known
            lower, upper = 0.0, 1.0
        else:
            known = [c for c in corners if c is not None]
            lower, upper = min(known), max(known)
    return Leakage(
        metric=metric,
        estimate=estimate,
        lower=lower,
        upper=upper if estimate is None or upper is None else max(upper, estimate),
        confidence=confidence,
        method="rogan-gladen, exact by bonferroni",
        null=0.0,
        n_members=seen.n,
        counts={
            "hits": seen.hits,
            "n": seen.n,
            "photos_right": sensitivity.hits,
            "photos": sensitivity.n,
            "false_match": _point(false_match),
        },
    )


def _rate(hits: int, n: int, k: int, *, top: int, metric: str, confidence: float) -> Leakage:
    if k < 2:
        raise BadInput(
            f"A line-up of {k} proves nothing; it takes at least two people.",
            way_out="Give photos of more people.",
        )
    return proportion(hits, n, metric=metric, confidence=confidence, null=min(top / k, 1.0))


def _share(seen: float, sensitivity: float, false: float) -> float | None:
    if sensitivity <= false:
        return None
    return min(max((seen - false) / (sensitivity - false), 0.0), 1.0)


def _point(rate: Rate | float) -> float:
    if isinstance(rate, Rate):
        return rate.hits / rate.n if rate.n else float("nan")
    return rate


def _ends(rate: Rate | float, confidence: float) -> tuple[float, float]:
    if not isinstance(rate, Rate):
        return rate, rate
    limits = clopper_pearson(rate.hits, rate.n, confidence=confidence)
    return float(limits.lower), float(limits.upper)
