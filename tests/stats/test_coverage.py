"""Every interval covers what was planted, as often as it says; a broken one turns this red.

A case plants a leak of known size, draws data from it by seed and returns (interval, truth). An
interval fails when so few of its draws cover the truth that an interval at its nominal level
would do as badly less than once in a thousand times.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from reticent.core import Leakage
from reticent.stats import confirm, differences, epsilon, intervals, reconstruction, roc, two_way

Case = Callable[[np.random.Generator], tuple[Leakage, float]]

SEEDS = 400
SLOW_SEEDS = 300


def clopper_pearson_rate(rng):
    return intervals.proportion(rng.binomial(60, 0.03), 60, metric="m"), 0.03


def wilson_rate(rng):
    return intervals.proportion(rng.binomial(80, 0.3), 80, metric="m", method="wilson"), 0.3


def newcombe_difference(rng):
    return differences.difference(rng.binomial(60, 0.5), 60, rng.binomial(90, 0.35), 90), 0.15


def paired(method):
    def draw(rng):
        a = rng.random(80) < 0.6
        b = np.where(rng.random(80) < 0.6, a, rng.random(80) < 0.3)
        return differences.paired_difference(a, b, method=method), 0.4 * (0.6 - 0.3)

    return draw


def gain_over_two_equal_baselines(rng):
    a = rng.random(150) < 0.55
    baselines = {name: rng.random(150) < 0.4 for name in ("prior", "imputation")}
    return differences.gain(a, baselines), 0.15


def t_mean(rng):
    each = rng.normal(0.3, 1, 25)
    return differences.mean_difference(each, np.zeros(25)), 0.3


def bca_mean(rng):
    each = rng.gamma(4, 0.25, 120)
    return (
        differences.mean_difference(each, np.zeros(120), method="bca", rng=rng, resamples=999),
        1.0,
    )


def area(shift, m, k):
    def draw(rng):
        found = roc.auc(rng.normal(shift, 1, m), rng.normal(0, 1, k))
        return found, float(ndtr(shift / math.sqrt(2)))

    return draw


def one_model_tpr(shift, fpr, m, k):
    def draw(rng):
        found = roc.tpr_at_fpr(rng.normal(shift, 1, m), rng.normal(0, 1, k), fpr)
        return found, float(ndtr(shift - ndtri(1 - fpr)))

    return draw


def tied_tpr(rng):
    """Scores of few distinct values: the truth is the TPR above the lowest lawful threshold."""
    found = roc.tpr_at_fpr(rng.binomial(5, 0.6, 200), rng.binomial(5, 0.4, 200), 0.1)
    cut = next(c for c in range(6) if binom.sf(c, 5, 0.4) <= 0.1)
    return found, float(binom.sf(cut, 5, 0.6))


def positive_predictive_value(rng):
    found = confirm.ppv_interval(rng.binomial(200, 0.3), 200, rng.binomial(300, 0.05), 300, 0.2)
    return found, 0.2 * 0.3 / (0.2 * 0.3 + 0.8 * 0.05)


def judged(truth, n, cases):
    def draw(rng):
        se, sp = 0.9, 0.85
        apparent = (rng.binomial(n, truth * se + (1 - truth) * (1 - sp)), n)
        judge = (rng.binomial(cases, se), cases), (rng.binomial(cases, sp), cases)
        return reconstruction.rogan_gladen(apparent, *judge), truth

    return draw


def half_life(rng):
    needed = rng.exponential(1000, 80)
    cap = rng.uniform(400, 2500, 80)
    found = reconstruction.queries_to_half(np.minimum(needed, cap), needed <= cap)
    return found, 1000 * math.log(2)


def planted_cells(rng, models, records, *, by_model, by_record, noise, leak, leak_spread):
    """Scores = model + record + noise + what the record leaks where it is a member."""
    y = rng.random((models, records)) < 0.5
    shared = rng.normal(0, by_model, (models, 1)) + rng.normal(0, by_record, (1, records))
    leaks = rng.normal(leak, leak_spread, (1, records)) * y
    return shared + leaks, rng.normal(0, noise, (models, records)), y


def true_rates(fpr, by_model, by_record, noise, leak, leak_spread):
    still = by_model**2 + by_record**2 + noise**2
    apart = math.sqrt(still + leak_spread**2)
    cut = math.sqrt(still) * ndtri(1 - fpr)
    return float(ndtr((leak - cut) / apart)), float(ndtr(leak / math.sqrt(still + apart**2)))


WORLDS = {
    "records decide": {"by_model": 0.1, "by_record": 1, "noise": 0.5, "leak": 1, "leak_spread": 1},
    "cells decide": {"by_model": 0.0, "by_record": 0.1, "noise": 1, "leak": 0.5, "leak_spread": 0},
    "models decide": {"by_model": 0.5, "by_record": 0.2, "noise": 1, "leak": 1, "leak_spread": 0.5},
    "silence": {"by_model": 0.1, "by_record": 0.3, "noise": 1, "leak": 0.0, "leak_spread": 0},
}


def pooled_tpr(world, fpr, models, records):
    def draw(rng):
        shared, noise, y = planted_cells(rng, models, records, **WORLDS[world])
        found = two_way.two_way_tpr_at_fpr(shared + noise, y, fpr, rng=rng, resamples=200)
        return found, true_rates(fpr, **WORLDS[world])[0]

    return draw


def pooled_area(world, models, records):
    def draw(rng):
        shared, noise, y = planted_cells(rng, models, records, **WORLDS[world])
        found = two_way.two_way_auc(shared + noise, y, rng=rng, resamples=200)
        # Members and non-members of one model share its shift, but the pairs are pooled.
        return found, true_rates(0.5, **WORLDS[world])[1]

    return draw


def pooled_difference(rng):
    world = WORLDS["records decide"]
    shared, noise, y = planted_cells(rng, 6, 200, **world)
    louder = rng.normal(0, 1.0, noise.shape)
    found = two_way.two_way_tpr_difference(
        shared + noise, shared + louder, y, 0.02, rng=rng, resamples=200
    )
    return found, true_rates(0.02, **world)[0] - true_rates(0.02, **(world | {"noise": 1.0}))[0]


def repeated_records(rng):
    """Eight models with the same members, whose scores differ little."""
    y = np.tile(rng.random((1, 150)) < 0.5, (8, 1))
    return rng.normal(0, 1, (1, 150)) + rng.normal(0, 0.2, (8, 150)) + y, y


REPEATED_TRUTH = float(ndtr(1 / math.sqrt(1.04) - ndtri(0.95)))


def pooled_repeats(rng):
    scores, y = repeated_records(rng)
    return two_way.two_way_tpr_at_fpr(scores, y, 0.05, rng=rng, resamples=200), REPEATED_TRUTH


#: Two-sided intervals that are neither exact nor conservative by design: half as wide must fail.
SHARP: dict[str, Case] = {
    "wilson": wilson_rate,
    "newcombe difference": newcombe_difference,
    "tango": paired("tango"),
    "newcombe paired": paired("newcombe"),
    "t": t_mean,
    "bca": bca_mean,
    "auc": area(0.8, 40, 60),
    "auc near 1": area(3.0, 40, 40),
    "auc of silence": area(0.0, 30, 50),
    "rogan-gladen": judged(0.35, 150, 80),
    "rogan-gladen, few judged": judged(0.9, 150, 20),
    "queries to half": half_life,
}
#: Intervals that promise at least their level.
EXACT: dict[str, Case] = {
    "clopper-pearson": clopper_pearson_rate,
    "gain": gain_over_two_equal_baselines,
    "tpr at 1 %": one_model_tpr(1.0, 0.01, 500, 800),
    "tpr at 10 %": one_model_tpr(1.0, 0.1, 150, 150),
    "tpr of silence at 1 %": one_model_tpr(0.0, 0.01, 1000, 1000),
    "tpr at 0.1 %, few controls": one_model_tpr(2.0, 0.001, 300, 1000),
    "tpr with ties": tied_tpr,
    "ppv": positive_predictive_value,
}
TWO_WAY: dict[str, Case] = {
    "records decide, 1 %": pooled_tpr("records decide", 0.01, 4, 300),
    "records decide, 0.1 %": pooled_tpr("records decide", 0.001, 8, 600),
    "cells decide, 1 %": pooled_tpr("cells decide", 0.01, 8, 300),
    "models decide, 1 %": pooled_tpr("models decide", 0.01, 4, 300),
    "models decide, 5 %": pooled_tpr("models decide", 0.05, 12, 200),
    "silence, 0.1 %": pooled_tpr("silence", 0.001, 4, 600),
    "silence, 1 %": pooled_tpr("silence", 0.01, 8, 300),
    "area, records decide": pooled_area("records decide", 6, 200),
    "area, cells decide": pooled_area("cells decide", 6, 200),
    "records repeat": pooled_repeats,
    "difference": pooled_difference,
}


def drawn(case: Case, seeds: int) -> list[tuple[Leakage, float]]:
    return [case(np.random.default_rng(10_000 + seed)) for seed in range(seeds)]


def covering(draws: list[tuple[Leakage, float]]) -> int:
    return sum(found.lower <= truth <= found.upper for found, truth in draws)


def too_low(hits: int, seeds: int, nominal: float) -> bool:
    return bool(binom.cdf(hits, seeds, nominal) < 1e-3)


def assert_ends_err_seldom(draws: list[tuple[Leakage, float]]) -> None:
    """Each end by itself errs at 2.5 % at most: findings hang on the lower one alone."""
    for missed in (
        sum(truth < found.lower for found, truth in draws),
        sum(truth > found.upper for found, truth in draws),
    ):
        assert not too_low(len(draws) - missed, len(draws), 0.975), missed / len(draws)


def swapped(found: Leakage) -> Leakage:
    return replace(found, lower=found.upper, upper=found.lower)


def narrowed(found: Leakage, by: float) -> Leakage:
    middle = found.estimate
    return replace(
        found,
        lower=middle - (middle - found.lower) / by,
        upper=middle + (found.upper - middle) / by,
    )


def halved(found: Leakage) -> Leakage:
    return narrowed(found, 2)


@pytest.mark.statistical
@pytest.mark.parametrize("name", SHARP)
def test_covers_as_often_as_it_says_and_half_of_it_does_not(name: str) -> None:
    draws = drawn(SHARP[name], SEEDS)
    assert not too_low(covering(draws), SEEDS, 0.95), covering(draws) / SEEDS
    assert_ends_err_seldom(draws)
    for broken in (swapped, halved):
        spoilt = [(broken(found), truth) for found, truth in draws]
        assert too_low(covering(spoilt), SEEDS, 0.95), covering(spoilt) / SEEDS


@pytest.mark.statistical
@pytest.mark.parametrize("name", EXACT)
def test_covers_at_least_as_often_as_it_says(name: str) -> None:
    draws = drawn(EXACT[name], SEEDS)
    assert not too_low(covering(draws), SEEDS, 0.95), covering(draws) / SEEDS
    assert_ends_err_seldom(draws)
    for broken in (swapped, partial(narrowed, by=3)):
        spoilt = [(broken(found), truth) for found, truth in draws]
        assert too_low(covering(spoilt), SEEDS, 0.95), covering(spoilt) / SEEDS


@pytest.mark.statistical
@pytest.mark.parametrize("name", TWO_WAY)
def test_two_way_covers_planted_leaks(name: str) -> None:
    draws = drawn(TWO_WAY[name], SLOW_SEEDS)
    assert not too_low(covering(draws), SLOW_SEEDS, 0.95), covering(draws) / SLOW_SEEDS
    assert_ends_err_seldom(draws)
    for broken in (swapped, partial(narrowed, by=3)):
        spoilt = [(broken(found), truth) for found, truth in draws]
        assert too_low(covering(spoilt), SLOW_SEEDS, 0.95), covering(spoilt) / SLOW_SEEDS


@pytest.mark.statistical
@pytest.mark.parametrize("ours", [one_model_tpr(1.0, 0.01, 500, 800)])
def test_clopper_pearson_at_a_chosen_threshold_is_caught(ours: Case) -> None:
    """The mistake that `tpr_at_fpr` exists to avoid: the threshold is taken as known."""
    draws = []
    for found, truth in drawn(ours, SEEDS):
        naive = intervals.proportion(int(found.counts["hits"]), found.n_members, metric="naive")
        draws.append((naive, truth))
    assert too_low(covering(draws), SEEDS, 0.95)


@pytest.mark.statistical
def test_pooling_cells_as_if_independent_is_caught() -> None:
    """The mistake that `two_way` exists to avoid: the same records seen by eight models."""
    pooled = []
    for seed in range(SEEDS):
        scores, y = repeated_records(np.random.default_rng(seed))
        pooled.append((roc.tpr_at_fpr(scores[y], scores[~y], 0.05), REPEATED_TRUTH))
    assert too_low(covering(pooled), SEEDS, 0.95)


@pytest.mark.statistical
def test_epsilon_is_never_claimed_above_the_true_one() -> None:
    """Randomised response at epsilon 1: the bound stays below, and half of its error does not."""
    rng = np.random.default_rng(3)
    truth = 1.0
    tpr = math.exp(truth) / (1 + math.exp(truth))
    above = sharp = 0
    for _ in range(SEEDS):
        tp, fp = int(rng.binomial(300, tpr)), int(rng.binomial(300, 1 - tpr))
        above += epsilon.epsilon_lower(tp, 300, fp, 300).lower > truth
        sharp += epsilon.epsilon_lower(tp, 300, fp, 300, confidence=0.5).lower > truth
    assert not too_low(SEEDS - above, SEEDS, 0.95)
    assert too_low(SEEDS - sharp, SEEDS, 0.95)


@pytest.mark.statistical
def test_the_whole_curve_lies_in_its_band() -> None:
    grid = [0.005, 0.01, 0.05, 0.1, 0.3, 0.5]
    truth = ndtr(1.0 - ndtri(1 - np.array(grid)))
    inside = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        band = roc.roc_band(rng.normal(1, 1, 300), rng.normal(0, 1, 900), fprs=grid)
        inside += bool(((band.lower <= truth) & (truth <= band.upper)).all())
    assert not too_low(inside, SEEDS, 0.95)


@pytest.mark.statistical
@pytest.mark.parametrize("fpr", [0.01, 0.05])
def test_two_way_is_not_absurdly_wide(fpr: float) -> None:
    """At most 2.2 times what the estimate really varies by, from the spread over the draws."""
    draws = drawn(pooled_tpr("records decide", fpr, 8, 600), 60)
    spread = np.std([found.estimate for found, _ in draws], ddof=1)
    width = np.median([found.upper - found.lower for found, _ in draws])
    assert width < 2.2 * 2 * 1.96 * spread
