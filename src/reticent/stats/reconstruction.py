"""How much of a person comes back: judged line-ups, bits, and the queries it takes."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from reticent.core import BadInput, Floats, Leakage
from reticent.stats._checks import checked_counts, checked_level, checked_scores
from reticent.stats.intervals import proportion

#: Successes and attempts of a judge on known cases, or a rate that is known exactly.
Rate = tuple[int, int] | float


def line_up(
    hits: int, n: int, k: int, *, confidence: float = 0.95, members: bool = True
) -> Leakage:
    """Return how often a judge names the right person out of k; chance is 1 / k.

    Args:
        hits: line-ups in which the right person was named.
        n: line-ups held, failed reconstructions included.
        k: people in each line-up.
        confidence: of the exact interval.
        members: whether the people were members.

    >>> line_up(30, 40, 5).null
    0.2
    """
    if k < 2:
        raise BadInput(f"k = {k}; a line-up needs at least 2 people.", way_out="Add foils.")
    return proportion(
        hits, n, metric=f"line_up_{k}", confidence=confidence, null=1 / k, members=members
    )


def rogan_gladen(
    apparent: tuple[int, int],
    sensitivity: Rate,
    specificity: Rate,
    *,
    confidence: float = 0.95,
    members: bool = True,
) -> Leakage:
    """Return a success rate corrected for the judge's own errors.

    (apparent + specificity - 1) / (sensitivity + specificity - 1), kept in [0, 1]; with Lang and
    Reiczigel's interval, which carries the doubt about the judge. A judge no better than chance
    gives None.

    Source: Rogan & Gladen 1978; Lang & Reiczigel 2014 (Preventive Veterinary Medicine 113:13).

    Args:
        apparent: (hits, attempts) as the judge saw them.
        sensitivity: (hits, attempts) of the judge on true reconstructions, or the known rate.
        specificity: (right rejections, attempts) on false ones, or the known rate.
        confidence: of the two-sided interval.
        members: whether the attempts were about members.

    >>> rate = rogan_gladen((40, 100), (90, 100), (80, 100))
    >>> round(rate.estimate, 3), round(rate.lower, 2), round(rate.upper, 2)
    (0.286, 0.12, 0.44)
    """
    checked_counts(*apparent, "apparent hits")
    checked_level(confidence, "confidence")
    hits, n = apparent
    z = float(ndtri(0.5 + confidence / 2))
    plain_se, se, var_se = _judge(sensitivity, "sensitivity")
    plain_sp, sp, var_sp = _judge(specificity, "specificity")
    counts: dict[str, float] = {"hits": hits, "n": n}
    for name, rate, value in (
        ("sensitivity", sensitivity, plain_se),
        ("specificity", specificity, plain_sp),
    ):
        counts[name] = value
        counts[f"{name}_n"] = rate[1] if isinstance(rate, tuple) else math.inf
    counts = {name: value for name, value in counts.items() if math.isfinite(value)}
    estimate = lower = upper = None
    if n and plain_se + plain_sp > 1 and se + sp > 1:
        youden = se + sp - 1
        estimate = min(1.0, max(0.0, (hits / n + plain_sp - 1) / (plain_se + plain_sp - 1)))
        wide = n + z * z
        p = (hits + z * z / 2) / wide
        middle = (p + sp - 1) / youden
        spread = p * (1 - p) / wide + middle**2 * var_se + (1 - middle) ** 2 * var_sp
        shift = 2 * z * z * (middle * var_se - (1 - middle) * var_sp)  # eq. 17
        half = z * math.sqrt(spread) / youden
        lower = min(estimate, max(0.0, middle + shift - half))
        upper = max(estimate, min(1.0, middle + shift + half))
    return Leakage(
        metric="success_corrected",
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="lang-reiczigel",
        n_members=n if members else 0,
        n_non_members=0 if members else n,
        counts=counts,
    )


def residual_risk(attack: float, control: float) -> float | None:
    """Return what is left of an attack's success once the control's share is taken off.

    (attack - control) / (1 - control); None if the control already succeeds always.

    Source: Giomi et al. 2023 (Anonymeter), eq. 5.

    >>> round(residual_risk(0.6, 0.2), 3)
    0.5
    """
    return None if control >= 1 else (attack - control) / (1 - control)


def min_entropy_leak_bits(v_post: float, v_prior: float) -> float:
    """Return log2(V_post / V_prior): how many bits closer the adversary's best guess came.

    Source: Smith 2009, on the vulnerability (chance of guessing right at once).

    Raises: BadInput unless 0 < v_prior <= 1 and 0 < v_post <= 1.

    >>> min_entropy_leak_bits(0.5, 0.125)
    2.0
    """
    for name, value in (("v_post", v_post), ("v_prior", v_prior)):
        if not 0.0 < value <= 1.0:
            raise BadInput(
                f"{name} = {value}; a chance of guessing right lies in (0, 1].",
                way_out="Use the lower limit of the success rate if no attempt succeeded.",
            )
    return math.log2(v_post / v_prior)


def queries_to_half(
    queries: ArrayLike, found: ArrayLike, *, confidence: float = 0.95, members: bool = True
) -> Leakage:
    """Return Q50: the number of queries after which half of the people are recovered.

    Attempts that ran out of queries are censored at what they had spent, not dropped: the
    estimate is the Kaplan-Meier median. `upper` (and `estimate`) is inf when the data do not
    exclude that half is never reached; None only without data.

    Source: Kaplan & Meier 1958 through statsmodels; interval of Brookmeyer & Crowley 1982 on the
    log(-log) scale, with a sign test where nobody is left and Greenwood's variance is 0.

    Args:
        queries: (n,) spent until success, or until the attempt stopped.
        found: (n,) whether it succeeded.
        confidence: of the two-sided interval.
        members: whether the people were members.

    >>> q50 = queries_to_half([10, 20, 30, 40, 40, 40], [1, 1, 1, 1, 0, 0])
    >>> q50.estimate, q50.lower, q50.upper
    (30.0, 10.0, inf)
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    spent = checked_scores(queries, "query")
    done = np.asarray(found, dtype=bool).ravel()
    if len(spent) != len(done):
        raise BadInput(
            f"{len(spent)} query counts against {len(done)} outcomes; one of each per attempt.",
            way_out="Pass both for every attempt, failed ones included.",
        )
    checked_level(confidence, "confidence")
    n = len(spent)
    estimate = lower = upper = None
    if n and not done.any():
        estimate, lower, upper = math.inf, float(spent.max()), math.inf
    elif n:
        curve = SurvfuncRight(spent, done.astype(int))
        times = np.asarray(curve.surv_times, dtype=np.float64)
        alive = np.asarray(curve.surv_prob, dtype=np.float64)
        below = _below_half(alive, np.asarray(curve.n_risk), np.asarray(curve.n_events), n)
        z = float(ndtri(0.5 + confidence / 2))
        estimate, lower, upper = (
            float(times[hit[0]]) if len(hit := np.flatnonzero(which)) else math.inf
            for which in (alive <= 0.5 + 1e-12, below > -z, below > z)
        )
        lower, upper = min(lower, estimate), max(upper, estimate)
    return Leakage(
        metric="queries_to_half",
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=confidence,
        method="kaplan-meier",
        n_members=n if members else 0,
        n_non_members=0 if members else n,
        counts={"n": n, "found": int(done.sum()), "queries": float(spent.sum())},
    )


def time_to_half_s(q50: float, queries_per_s: float, identities: int = 1) -> float:
    """Return Q50 / (rate x identities), in seconds.

    >>> time_to_half_s(600, 0.5, identities=10)
    120.0
    """
    return q50 / (queries_per_s * identities)


def _judge(rate: Rate, name: str) -> tuple[float, float, float]:
    """Return the plain rate, Lang and Reiczigel's adjusted one, and its variance."""
    if isinstance(rate, tuple):
        hits, n = rate
        checked_counts(hits, n, f"{name} hits")
        adjusted = (hits + 1) / (n + 2)
        return (hits / n if n else 0.5), adjusted, adjusted * (1 - adjusted) / (n + 2)
    if not 0.0 <= rate <= 1.0:
        raise BadInput(
            f"{name} = {rate}; it must lie in [0, 1].", way_out="Write it as a fraction."
        )
    return rate, rate, 0.0


def _below_half(alive: Floats, at_risk: Floats, events: Floats, n: int) -> Floats:
    """Return z scores of "fewer than half are left" at every event time."""
    scores = np.empty(len(alive))
    greenwood = 0.0
    for i, (left, risk, died) in enumerate(zip(alive, at_risk, events, strict=True)):
        if left <= 0:  # everybody at risk was found: as sure as a sign test on the n attempts
            scores[i] = -float(ndtri(0.5**n)) if n < 1000 else math.inf
            continue
        greenwood += died / (risk * (risk - died))
        # log(-log S) has the standard error sqrt(greenwood) / |log S|.
        gap = math.log(-math.log(left)) - math.log(math.log(2))
        scores[i] = gap * -math.log(left) / math.sqrt(greenwood)
    return scores
