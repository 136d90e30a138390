"""What an audit could have seen: minimum detectable effects and power.

Every function rounds against the auditor: where an approximation has a free choice it takes the
one with the larger effect. `alpha` must be the error that the decision really spends: a verdict
that asks for a 95 % interval above its null spends 0.025 on that side, and a Holm family of k
spends as little as that over k.
"""

import math

from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr, ndtri
from scipy.stats import binom

from reticent.stats._checks import checked_level


def mde_proportion(n: int, null: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Return the smallest rise over a known rate that the exact one-sided test sees.

    The test rejects at c hits, the least with P(Binomial(n, null) >= c) <= alpha; the effect is
    the p with P(Binomial(n, p) >= c) = power, minus null. None if no outcome would reject.

    >>> round(mde_proportion(100, 0.5), 3), mde_proportion(3, 0.5)
    (0.126, None)
    """
    _checked(alpha, power)
    c = int(binom.isf(alpha, n, null)) + 1 if n > 0 else 1
    return None if c > n else _rate_reaching(c, n, power) - null


def mde_two_proportions(
    n_a: int, n_b: int, p: float = 0.5, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest difference between two independent groups that would be seen.

    (z_{1-alpha} + z_{power}) sqrt(p q / n_a + p q / n_b), one-sided, with p the value nearest 1/2
    between the base rate and the raised one (the larger variance), and never less than what
    Fisher's exact test needs in group a when nothing happens in group b. None without people, or
    if the effect would not fit below 1.

    >>> round(mde_two_proportions(1000, 1000), 3), round(mde_two_proportions(1000, 1000, 0.0), 4)
    (0.056, 0.0122)
    >>> round(mde_two_proportions(5, 5, 0.0), 3), mde_two_proportions(2, 2, 0.0)
    (0.831, None)
    """
    _checked(alpha, power)
    if n_a <= 0 or n_b <= 0:
        return None
    fewest = _fewest_beside_none(n_a, n_b, alpha)
    if fewest is None:
        return None
    reach = float(ndtri(1 - alpha) + ndtri(power)) * math.sqrt(1 / n_a + 1 / n_b)
    effect = 1.0  # from above: at a base rate of 0, no effect is a fixed point, too
    for _ in range(100):  # a contraction: the variance depends on the effect it gives
        middle = min(max(0.5, p), p + effect)
        effect = reach * math.sqrt(middle * (1 - middle))
    effect = max(effect, _rate_reaching(fewest, n_a, power))
    return effect if p + effect <= 1 else None


def power_two_proportions(
    p_a: float, p_b: float, n_a: int, n_b: int, *, alpha: float = 0.05, sides: int = 1
) -> float:
    """Return the chance of seeing that p_a and p_b differ (pooled z test).

    >>> round(power_two_proportions(0.4, 0.2, 100, 100), 2)
    0.93
    """
    checked_level(alpha, "alpha")
    pooled = (p_a * n_a + p_b * n_b) / (n_a + n_b)
    under_null = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    apart = math.sqrt(p_a * (1 - p_a) / n_a + p_b * (1 - p_b) / n_b)
    far = abs(p_a - p_b) - float(ndtri(1 - alpha / sides)) * under_null
    if apart == 0:
        return 1.0 if far > 0 else 0.0
    return float(ndtr(far / apart))


def mde_paired(
    n: int, discordance: float, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest gain on the same people that a paired test would see.

    Args:
        n: people.
        discordance: share of people on whom the two attacks differ; use its upper limit, because
            the observed share is itself an estimate.
        alpha: one-sided.
        power: chance of seeing it.

    (z_{1-alpha} + z_{power}) sqrt(discordance / n), and never less than what the exact McNemar
    test needs even if every disagreement points one way. None if that is more than everybody.

    >>> round(mde_paired(1000, 0.2), 4), mde_paired(4, 0.5)
    (0.0352, None)
    """
    _checked(alpha, power)
    fewest = math.ceil(-math.log2(alpha))
    if n < fewest:
        return None
    usual = float(ndtri(1 - alpha) + ndtri(power)) * math.sqrt(discordance / n)
    effect = max(usual, _rate_reaching(fewest, n, power))
    return effect if effect <= 1 else None


def mde_auc(
    n_members: int, n_non_members: int, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest AUC above 1/2 that would be seen, minus 1/2.

    Source: Hanley & McNeil 1982, variances at 1/2 and at the AUC sought.

    >>> round(mde_auc(1000, 1000), 3)
    0.032
    """
    _checked(alpha, power)
    m, k = n_members, n_non_members
    if m < 1 or k < 1:
        return None

    def error(area: float) -> float:
        q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
        spread = area * (1 - area) + (m - 1) * (q1 - area**2) + (k - 1) * (q2 - area**2)
        return math.sqrt(max(0.0, spread) / (m * k))

    needed = float(ndtri(1 - alpha)) * math.sqrt((m + k + 1) / (12 * m * k))

    def short(area: float) -> float:
        return needed + float(ndtri(power)) * error(area) - (area - 0.5)

    return None if short(1.0) > 0 else float(brentq(short, 0.5, 1.0)) - 0.5


def mde_tpr_at_fpr(
    n_members: int, n_non_members: int, fpr: float, *, confidence: float = 0.95, power: float = 0.8
) -> float | None:
    """Return the smallest TPR - FPR that `roc.tpr_at_fpr` would prove to be above 0.

    It is a TPR at the order statistic that surely lies above the true threshold, so what is found
    is what an auditor with these numbers can certify. None if there are too few non-members to
    place the threshold, or too few members to rise above `fpr`.

    >>> round(mde_tpr_at_fpr(1000, 1000, 0.01), 3), mde_tpr_at_fpr(1000, 1000, 0.001)
    (0.012, None)
    """
    _checked(1 - confidence, power)
    each = (1 - confidence) / 4
    if n_members < 1 or (1 - fpr) ** n_non_members > each:
        return None
    return mde_proportion(n_members, fpr, alpha=each, power=power)


def mde_from_interval(
    lower: float | None,
    upper: float | None,
    *,
    confidence: float = 0.95,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float | None:
    """Return the smallest effect that an estimate with so wide an interval would show.

    For estimators without a formula (bootstrap, two-way): the interval's half width over its z is
    the standard error.

    >>> round(mde_from_interval(-0.0196, 0.0196), 4)
    0.0249
    """
    _checked(alpha, power)
    if lower is None or upper is None or not math.isfinite(upper - lower):
        return None
    error = (upper - lower) / 2 / float(ndtri(0.5 + confidence / 2))
    return float(ndtri(1 - alpha) + ndtri(power)) * error


def _checked(alpha: float, power: float) -> None:
    checked_level(alpha, "alpha")
    checked_level(power, "power")


def _fewest_beside_none(n_a: int, n_b: int, alpha: float) -> int | None:
    """The least c with P(all c of n_a + n_b fall into group a) <= alpha; None if there is none."""
    chance = 1.0
    for c in range(1, n_a + 1):
        chance *= (n_a - c + 1) / (n_a + n_b - c + 1)
        if chance <= alpha:
            return c
    return None


def _rate_reaching(c: int, n: int, power: float) -> float:
    """The p with P(Binomial(n, p) >= c) = power."""
    return 0.0 if c <= 0 else float(betaincinv(c, n - c + 1, power))
