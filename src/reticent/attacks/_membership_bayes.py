"""Empirical-Bayes LiRA: what a handful of reference models cannot say, the other candidates do."""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln, polygamma, stdtr

from reticent.attacks._membership_scores import (
    LEAST_STD,
    label_ratio,
    masked_mean,
    masked_squares,
)
from reticent.attacks._membership_signal import Kind, Signals
from reticent.core import Floats, Ints

PER_BIN = 50  # candidates that a bin of the trend must have
MOST_BINS = 20
MOST_FREEDOM = 1000.0  # beyond this Student's t is a normal
REACH, STEPS = 8.0, 40  # how far below the OUT mean the envelope is worked out, in std


@dataclass(frozen=True, slots=True, eq=False)
class Predictive:
    """What the next model's confidence would be on one side (IN or OUT): Student's t.

    Attributes:
        mean: (n,) location.
        std: (n,) scale.
        freedom: (n,) degrees of freedom.
    """

    mean: Floats
    std: Floats
    freedom: Floats

    def log_density(self, x: Floats) -> Floats:
        """Return (n,) log t((x - mean) / std) / std, in nats."""
        z = (x - self.mean) / self.std
        f = self.freedom
        density: Floats = (
            gammaln((f + 1) / 2)
            - gammaln(f / 2)
            - 0.5 * np.log(f * np.pi)
            - np.log(self.std)
            - (f + 1) / 2 * np.log1p(z**2 / f)
        )
        return density

    def log_tail(self, x: Floats) -> Floats:
        """Return (n,) log P(X >= x)."""
        tail = stdtr(self.freedom, (self.mean - x) / self.std)
        log_tail: Floats = np.log(np.maximum(tail, np.finfo(float).tiny))
        return log_tail


def eb_lira(s: Signals) -> Floats:
    """Return log t(target; IN) - log t(target; OUT), made monotone in the target's confidence.

    Three things that a few references cannot tell are borrowed from the other candidates:

    1. The variance of each side: inverse-gamma prior around a trend in the OUT mean, its degrees
       of freedom by matching the moments of log s^2 (Smyth 2004, section 6.2).
    2. The IN mean: prior at OUT mean + g(OUT mean), where g is the average rise of candidates as
       hard as this one; the rise of hard candidates is many times that of easy ones.
    3. What is left unknown: predictive Student's t in place of a normal with plugged-in variance.

    Beyond the IN mean more confidence is no evidence either way (a ratio of normals would turn
    round there), and below the OUT mean less confidence never is evidence for membership.

    With no IN model at all the score is -log P(OUT >= target).
    """
    if s.kind is Kind.LABELS:
        return label_ratio(s, offline=not s.contains.any())
    inside, outside = predict(s)
    if inside is None:
        return -outside.log_tail(s.target)
    return monotone_ratio(s.target, inside, outside)


def predict(s: Signals) -> tuple[Predictive | None, Predictive]:
    """Return the predictive distributions IN (None if no reference was trained IN) and OUT."""
    mean_in, n_in = masked_mean(s.references, s.contains)
    mean_out, n_out = masked_mean(s.references, ~s.contains)
    online = bool((n_in > 0).any())
    seen = n_out > 0
    # A candidate that every model has seen: as hard as its IN mean says, for want of better.
    known_out = np.where(seen, mean_out, np.where(n_in > 0, mean_in, 0.0))

    ss_out = np.where(seen, masked_squares(s.references, ~s.contains, known_out), 0.0)
    var_out, freedom_out = shrunken_variance(ss_out, n_out, known_out)
    middle = float(known_out[seen].mean()) if seen.any() else float(known_out.mean())
    apart = float(known_out[seen].var() - (var_out[seen] / n_out[seen]).mean()) if seen.any() else 0
    prior_var = max(apart, float(var_out.mean()), LEAST_STD**2)
    precision = 1 / prior_var + n_out / var_out
    mu_out = (middle / prior_var + n_out * known_out / var_out) / precision
    doubt_out = 1 / precision
    if not online:
        return None, Predictive(mu_out, np.sqrt(var_out + doubt_out), freedom_out)

    known_in = np.where(n_in > 0, mean_in, 0.0)
    ss_in = np.where(n_in > 0, masked_squares(s.references, s.contains, known_in), 0.0)
    var_in, freedom_in = shrunken_variance(ss_in, n_in, known_out)
    both = seen & (n_in > 0)
    weight = np.where(both, 1 / (1 / np.maximum(n_in, 1) + 1 / np.maximum(n_out, 1)), 0.0)
    rise = np.where(both, known_in - known_out, 0.0)
    expected_rise = np.maximum(trend(known_out, rise, weight), 0.0)
    noise = var_out / np.maximum(n_out, 1) + var_in / np.maximum(n_in, 1)
    spread = float(np.average((rise - expected_rise) ** 2 - noise, weights=weight + 1e-12))
    rise_var = max(spread, 0.0)

    mu_out = np.where(seen, mu_out, known_in - expected_rise)
    doubt_out = np.where(seen, doubt_out, rise_var + var_in)
    prior = mu_out + expected_rise
    prior_doubt = rise_var + doubt_out
    precision_in = 1 / prior_doubt + n_in / var_in
    mu_in = (prior / prior_doubt + n_in * known_in / var_in) / precision_in
    return (
        # Training on a record never makes a model less sure of it, but for noise.
        Predictive(np.maximum(mu_in, mu_out), np.sqrt(var_in + 1 / precision_in), freedom_in),
        Predictive(mu_out, np.sqrt(var_out + doubt_out), freedom_out),
    )


def monotone_ratio(x: Floats, inside: Predictive, outside: Predictive) -> Floats:
    """Return log t(x; inside) - log t(x; outside), never falling as x grows."""

    def ratio(at: Floats) -> Floats:
        return inside.log_density(at) - outside.log_density(at)

    capped = np.minimum(x, inside.mean)
    # Below the OUT mean the ratio may rise again (the wider side wins far out): take the least
    # value on the way down.
    depth = np.linspace(0.0, REACH, STEPS)
    wider = np.maximum(inside.std, outside.std)
    grid = np.array([ratio(outside.mean - d * wider) for d in depth])
    envelope = np.minimum.accumulate(grid, axis=0)
    place = np.clip((outside.mean - capped) / wider / REACH * (STEPS - 1), 0, STEPS - 1)
    low = np.minimum(place.astype(np.int64), STEPS - 2)
    columns = np.arange(len(x))
    left = envelope[low, columns]
    below = left + (place - low) * (envelope[low + 1, columns] - left)
    return np.where(capped >= outside.mean, ratio(capped), below)


def shrunken_variance(squares: Floats, count: Ints, hardness: Floats) -> tuple[Floats, Floats]:
    """Return each candidate's variance shrunk towards a trend, and its degrees of freedom.

    Args:
        squares: (n,) sum of squared deviations of a candidate's confidences.
        count: (n,) how many confidences.
        hardness: (n,) what the trend follows.

    Returns: (n,) variances, all positive; (n,) prior + own degrees of freedom.
    """
    freedom = np.maximum(count - 1, 0).astype(np.float64)
    own = np.where(freedom > 0, squares / np.maximum(freedom, 1), 0.0)
    typical = np.maximum(trend(hardness, own, freedom), LEAST_STD**2)
    prior_freedom, scale = inverse_gamma(squares / typical, freedom)
    total = prior_freedom + freedom
    var = (prior_freedom * scale * typical + squares) / total
    return np.maximum(var, LEAST_STD**2), total


def inverse_gamma(squares: Floats, freedom: Floats) -> tuple[float, float]:
    """Return the degrees of freedom and the scale of a prior for variances.

    If s^2 = squares / freedom is scale * F(freedom, d0), then log s^2 has mean
    log scale + digamma(d/2) - log(d/2) - digamma(d0/2) + log(d0/2) and variance
    trigamma(d/2) + trigamma(d0/2) (Smyth 2004, section 6.2).
    """
    usable = (freedom > 0) & (squares > 0)
    if usable.sum() < 3:
        return 4.0, 1.0
    d = freedom[usable]
    e = np.log(squares[usable] / d) - digamma(d / 2) + np.log(d / 2)
    excess = float(e.var(ddof=1) - polygamma(1, d / 2).mean())
    least = float(polygamma(1, MOST_FREEDOM / 2))
    d0 = MOST_FREEDOM if excess <= least else 2 * inverse_trigamma(excess)
    return d0, float(np.exp(e.mean() + digamma(d0 / 2) - np.log(d0 / 2)))


def inverse_trigamma(y: float) -> float:
    """Return x > 0 with trigamma(x) = y, by Newton's method on 1 / trigamma (Smyth 2004, appendix).

    >>> round(float(polygamma(1, inverse_trigamma(0.7))), 12)
    0.7
    """
    x = 0.5 + 1 / y
    for _ in range(50):
        value = float(polygamma(1, x))
        step = value * (1 - value / y) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-10:
            break
    return x


def trend(x: Floats, values: Floats, weight: Floats) -> Floats:
    """Return (n,) the weighted mean of `values` as a piecewise linear function of `x`.

    Knots are the means of bins with equally many candidates.
    """
    bins = int(np.clip(len(x) // PER_BIN, 1, MOST_BINS))
    edges = np.quantile(x, np.arange(1, bins) / bins)
    place = np.searchsorted(edges, x, side="right")
    size = np.bincount(place, minlength=bins)
    total = np.bincount(place, weights=weight, minlength=bins)
    overall = float(np.average(values, weights=weight)) if weight.sum() > 0 else 0.0
    some = total > 0
    level = np.where(
        some, np.bincount(place, values * weight, bins) / np.where(some, total, 1), overall
    )
    at = np.bincount(place, x, bins) / np.maximum(size, 1)
    filled = size > 0
    result: Floats = np.interp(x, at[filled], level[filled])
    return result
