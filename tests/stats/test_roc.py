import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom
from sklearn.metrics import roc_auc_score, roc_curve as theirs

from reticent.core import BadInput
from reticent.stats.roc import auc, roc_band, roc_curve, tpr_at_fpr

few_values = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=40)
fprs = st.sampled_from([0.001, 0.01, 0.1, 0.29, 0.5])


@given(few_values, few_values)
def test_curve_matches_sklearn_with_ties(members, others) -> None:
    fpr, tpr = roc_curve(members, others)
    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    f, t, _ = theirs(truth, np.r_[members, others], drop_intermediate=False)
    np.testing.assert_allclose(fpr, f, atol=1e-12)
    np.testing.assert_allclose(tpr, t, atol=1e-12)


@given(few_values, few_values)
def test_area_matches_sklearn_and_its_counts(members, others) -> None:
    found = auc(members, others)
    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    assert found.estimate == pytest.approx(roc_auc_score(truth, np.r_[members, others]))
    assert found.estimate == found.counts["u"] / (len(members) * len(others))
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1


@given(few_values, few_values)
def test_area_mirrors_when_the_sides_swap(members, others) -> None:
    one, other = auc(members, others), auc(others, members)
    assert one.estimate == pytest.approx(1 - other.estimate)
    assert one.lower == pytest.approx(1 - other.upper, abs=1e-9)


@given(few_values, few_values, st.floats(0.1, 5), st.floats(-3, 3))
def test_only_the_order_of_scores_counts(members, others, scale, shift) -> None:
    moved = auc(np.array(members) * scale + shift, np.array(others) * scale + shift)
    assert moved == auc(members, others)


def test_delong_by_hand() -> None:
    """DeLong's variance is that of the placements; computed here by the double loop."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.7, 1, 23), rng.normal(0, 1, 31)
    psi = (x[:, None] > y).astype(float)
    area = psi.mean()
    variance = psi.mean(1).var(ddof=1) / 23 + psi.mean(0).var(ddof=1) / 31
    found = auc(x, y)
    odds = np.log(area / (1 - area)) - 1.959964 * np.sqrt(variance) / (area * (1 - area))
    assert found.lower == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)


@pytest.mark.parametrize("n", [2, 10, 1000])
def test_perfect_separation_is_not_certainty(n) -> None:
    found = auc(np.arange(n) + n, np.arange(n))
    assert (found.estimate, found.upper) == (1.0, 1.0)
    assert found.lower < 1
    assert found.lower > 1 - 4 / n
    assert auc([1.0], [0.0]).lower < 0.5


@given(few_values, few_values, fprs)
def test_rate_is_the_curve_at_the_fpr(members, others, fpr) -> None:
    found = tpr_at_fpr(members, others, fpr)
    f, t = roc_curve(members, others)
    assert found.estimate == pytest.approx(t[f <= fpr + 1e-9].max())
    assert found.estimate == found.counts["hits"] / len(members)
    assert found.counts["false_positives"] <= fpr * len(others) + 1e-9
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1


def test_too_few_controls_certify_nothing() -> None:
    found = tpr_at_fpr(np.arange(100) + 1000, np.arange(100), 0.001)
    assert found.estimate == 1.0
    assert found.lower == 0.0


def test_enough_controls_certify() -> None:
    found = tpr_at_fpr(np.arange(100) + 5000, np.arange(5000), 0.001)
    assert found.lower > 0.9


def test_order_statistics_are_the_binomial_ones() -> None:
    """The lower end counts members above the highest order statistic that is surely too high."""
    others = np.arange(2000.0)
    k = int(max(e for e in range(200) if binom.cdf(e, 2000, 0.05) <= 0.0125))
    just_above, just_below = np.full(50, others[1999 - k] + 0.5), np.full(50, others[1999 - k])
    assert tpr_at_fpr(just_above, others, 0.05).lower > 0.9
    assert tpr_at_fpr(just_below, others, 0.05).lower == 0.0


def test_unbounded_scores_are_fine_and_nan_is_not() -> None:
    assert auc([np.inf, 1.0], [-np.inf, 0.0]).estimate == 1.0
    with pytest.raises(BadInput, match="1 of 2 member scores are NaN"):
        auc([np.nan, 1.0], [0.0])


def test_no_data_is_none() -> None:
    assert auc([], [1.0]).estimate is None
    assert tpr_at_fpr([1.0], [], 0.1).lower is None
    assert roc_band([], [1.0]).fpr.size == 0
    assert roc_curve([], [1.0])[0].size == 0


def test_band_is_the_pointwise_interval_or_wider() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 1, 200), rng.normal(0, 1, 300)
    grid = [0.01, 0.1, 0.4]
    pointwise = roc_band(x, y, fprs=grid, simultaneous=False)
    whole = roc_band(x, y, fprs=grid)
    for i, fpr in enumerate(grid):
        found = tpr_at_fpr(x, y, fpr)
        assert (found.estimate, found.lower, found.upper) == (
            pointwise.tpr[i],
            pointwise.lower[i],
            pointwise.upper[i],
        )
    assert (whole.lower <= pointwise.lower).all()
    assert (whole.upper >= pointwise.upper).all()


def test_default_grid_rises_and_so_does_the_curve() -> None:
    band = roc_band(np.arange(50.0) + 20, np.arange(50.0))
    for line in band:
        assert (np.diff(line) >= 0).all()
