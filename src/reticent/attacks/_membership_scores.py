"""The published membership scores, as functions of arrays; higher means more likely a member."""

import numpy as np
from scipy.special import log_ndtr

from reticent.attacks._membership_signal import Kind, Signals
from reticent.core import Bools, Floats, Ints

LEAST_STD = 1e-6  # references that all answer alike would divide by zero


def masked_mean(values: Floats, mask: Bools) -> tuple[Floats, Ints]:
    """Return (n,) the mean of (m, n) `values` where `mask`, NaN for none, and the counts."""
    count = mask.sum(axis=0)
    total = np.where(mask, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count


def masked_squares(values: Floats, mask: Bools, mean: Floats) -> Floats:
    """Return (n,) the sum of squared deviations of `values` where `mask` from `mean`."""
    squares: Floats = np.where(mask, (values - mean) ** 2, 0.0).sum(axis=0)
    return squares


def lira_online(s: Signals, *, fixed_variance: bool = False) -> Floats:
    """Return log N(target; IN) - log N(target; OUT), (n,) nats.

    Carlini et al. 2022, algorithm 1 (variances per candidate), or with `fixed_variance` one
    variance for all members and one for all non-members, as the paper advises below 64 reference
    models. A candidate that has no reference model on one side scores 0: no evidence.
    """
    if s.kind is Kind.LABELS:
        return label_ratio(s)
    mean_in, n_in = masked_mean(s.references, s.contains)
    mean_out, n_out = masked_mean(s.references, ~s.contains)
    ss_in = masked_squares(s.references, s.contains, mean_in)
    ss_out = masked_squares(s.references, ~s.contains, mean_out)
    if fixed_variance:
        var_in = pooled(ss_in, n_in)
        var_out = pooled(ss_out, n_out)
    else:
        var_in = ss_in / np.maximum(n_in, 1)
        var_out = ss_out / np.maximum(n_out, 1)
    both = log_normal(s.target, mean_in, var_in) - log_normal(s.target, mean_out, var_out)
    return np.where((n_in > 0) & (n_out > 0), both, 0.0)


def lira_offline(s: Signals, *, fixed_variance: bool = False) -> Floats:
    """Return -log P(OUT >= target), (n,) nats, never negative.

    Carlini et al. 2022, section VI-A: the score is 1 - Pr[N(OUT) > target]; in logarithms, so that
    the tail does not round to 1. A candidate that every reference model has seen scores log 2.
    """
    if s.kind is Kind.LABELS:
        return label_ratio(s, offline=True)
    mean, n_out = masked_mean(s.references, ~s.contains)
    ss = masked_squares(s.references, ~s.contains, mean)
    var = pooled(ss, n_out) if fixed_variance else ss / np.maximum(n_out, 1)
    surprise = -log_ndtr((mean - s.target) / (np.sqrt(var) + LEAST_STD))
    return np.where(n_out > 0, surprise, np.log(2))


def rmia(s: Signals, *, gamma: float = 2.0, a: float = 0.3) -> Floats:
    """Return the share of z that the candidate dominates, (n,) in [0, 1] but for a tie-break.

    Zarifzadeh et al. 2024: Pr_z[ (p(x|t) / p(x)) / (p(z|t) / p(z)) >= gamma ]. p(x) is the mean
    of what the models with and without x say, each side averaged by itself, so masks need not
    come in complementary pairs; with no IN model, equation 10: p(x) = ((1+a) p_out + 1-a) / 2,
    and so for z, which no model that counts was trained on.

    Differs from the paper: candidates that dominate the same z are ordered by their own ratio.
    """
    p = s.likelihoods()
    p_in, n_in = masked_mean(p.references, p.contains)
    p_out, n_out = masked_mean(p.references, ~p.contains)
    p_in = np.where(n_in > 0, p_in, a * p_out + 1 - a)
    # Always IN: the least that the OUT models may have said is not known; take x as ordinary.
    p_out = np.where(n_out > 0, p_out, p_in)
    ratio_x = p.target / ((p_in + p_out) / 2)
    ratio_z = np.sort(p.target_z / (((1 + a) * p.references_z.mean(axis=0) + 1 - a) / 2))
    dominated = np.searchsorted(ratio_z, ratio_x / gamma, side="right")
    tie_break = ratio_x / (1 + ratio_x)  # below one z
    scores: Floats = (dominated + 0.5 * tie_break) / (len(ratio_z) + 1)
    return scores


def label_ratio(s: Signals, *, offline: bool = False) -> Floats:
    """Return log P(answer | IN) - log P(answer | OUT) of a right-or-wrong answer, (n,) nats.

    Each side's rate of right labels is shrunk towards that side's overall rate (a Beta prior
    worth two answers), as a handful of references gives rates of 0 and 1.
    """
    right = s.references > 0
    out = _rate(right, ~s.contains)
    # Offline: members are right more often than strangers, never surely.
    inside = np.sqrt(out) if offline else _rate(right, s.contains)
    correct = np.log(inside) - np.log(out)
    wrong = np.log1p(-inside) - np.log1p(-out)
    return np.where(s.target > 0, correct, np.where(s.target < 0, wrong, 0.0))


def pooled(squares: Floats, count: Ints) -> Floats:
    """Return (n,) one variance for all candidates: squares over degrees of freedom."""
    freedom = np.maximum(count - 1, 0).sum()
    return np.full(len(count), squares.sum() / max(freedom, 1))


def log_normal(x: Floats, mean: Floats, var: Floats) -> Floats:
    """Return log N(x; mean, var) without its constant, (n,) nats."""
    std = np.sqrt(var) + LEAST_STD
    density: Floats = -0.5 * ((x - mean) / std) ** 2 - np.log(std)
    return density


def _rate(right: Bools, mask: Bools) -> Floats:
    overall = (np.sum(right & mask) + 1) / (np.sum(mask) + 2)
    rate: Floats = ((right & mask).sum(axis=0) + 2 * overall) / (mask.sum(axis=0) + 2)
    return rate
