import numpy as np
import pytest

from reticent.stats.permutation import p_from_null, permutation_auc_p, permutation_tpr_p


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_never_zero_and_ties_count_against() -> None:
    assert p_from_null(9.0, np.zeros(99)) == 0.01
    assert p_from_null(0.5, [0.5, 0.5, 0.1]) == 0.75
    assert p_from_null(1.0, []) == 1.0


def by_area(x, y, seed):
    return permutation_auc_p(x, y, rng=rng(seed), resamples=199)


def by_rate(x, y, seed):
    return permutation_tpr_p(x, y, 0.1, rng=rng(seed), resamples=199)


@pytest.mark.parametrize("test", [by_area, by_rate])
def test_sees_a_planted_leak(test) -> None:
    draw = rng(1)
    assert test(draw.normal(1.5, 1, 60), draw.normal(0, 1, 60), 2) == 1 / 200


@pytest.mark.parametrize("test", [by_area, by_rate])
def test_an_inverted_attack_is_no_leak(test) -> None:
    draw = rng(1)
    assert test(draw.normal(-2, 1, 60), draw.normal(0, 1, 60), 2) > 0.9


@pytest.mark.parametrize("test", [by_area, by_rate])
def test_no_data_no_p_value(test) -> None:
    assert test([], [1.0], 0) is None
    assert test([1.0], [], 0) is None


def test_constant_scores_are_no_evidence() -> None:
    assert by_area(np.ones(20), np.ones(30), 0) == 1.0
    assert by_rate(np.ones(20), np.ones(30), 0) == 1.0


def test_agrees_with_the_rank_sum_test() -> None:
    from scipy.stats import mannwhitneyu

    draw = rng(5)
    x, y = draw.normal(0.35, 1, 40), draw.normal(0, 1, 50)
    ours = permutation_auc_p(x, y, rng=rng(6), resamples=9999)
    assert ours == pytest.approx(mannwhitneyu(x, y, alternative="greater").pvalue, abs=0.01)


@pytest.mark.statistical
@pytest.mark.parametrize("test", [by_area, by_rate])
def test_silence_is_called_a_leak_as_often_as_allowed(test) -> None:
    from scipy.stats import binom

    alarms = 0
    for seed in range(400):
        draw = rng(seed)
        alarms += test(draw.normal(size=30), draw.normal(size=40), seed + 1000) <= 0.05
    assert binom.sf(alarms - 1, 400, 0.05) > 1e-3
    if test is by_area:  # the rate is coarse, so its test is conservative
        assert binom.cdf(alarms, 400, 0.05) > 1e-3
