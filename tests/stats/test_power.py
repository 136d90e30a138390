import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom, fisher_exact, mannwhitneyu

from reticent.stats.differences import mcnemar_p
from reticent.stats.intervals import binomial_p
from reticent.stats.power import (
    mde_auc,
    mde_from_interval,
    mde_paired,
    mde_proportion,
    mde_tpr_at_fpr,
    mde_two_proportions,
    power_two_proportions,
)
from reticent.stats.roc import tpr_at_fpr

sizes = st.integers(20, 3000)


def test_figures_of_the_field() -> None:
    assert round(mde_two_proportions(1000, 1000, 0.5), 3) == 0.056
    assert round(power_two_proportions(0.4, 0.2, 100, 100), 2) == 0.93


@given(sizes, st.floats(0.01, 0.9))
def test_proportion_has_exactly_the_power_that_was_asked(n, null) -> None:
    effect = mde_proportion(n, null)
    if effect is None:
        return
    c = int(np.argmax(binom.sf(np.arange(n + 1) - 1, n, null) <= 0.05))
    assert binom.sf(c - 1, n, null + effect) == pytest.approx(0.8, abs=1e-6)
    assert binomial_p(c, n, null) <= 0.05 + 1e-12


@given(sizes, st.floats(0.05, 0.5))
def test_two_proportions_are_seen_with_the_power_that_was_asked(n, p) -> None:
    effect = mde_two_proportions(n, n, p)
    if effect is not None:
        assert power_two_proportions(p, p + effect, n, n) > 0.77


@pytest.mark.parametrize(("n", "m"), [(4, 9), (10, 10), (20, 40), (100, 100)])
def test_beside_a_group_without_hits_the_effect_is_what_fishers_test_sees(n, m) -> None:
    effect = mde_two_proportions(n, m, 0.0)
    assert effect > 0
    rejected = [c for c in range(n + 1) if fisher_exact([[c, n - c], [0, m]], "greater")[1] <= 0.05]
    assert binom.sf(min(rejected) - 1, n, effect) >= 0.8 - 1e-9


@given(st.integers(50, 1000))
def test_more_people_see_smaller_effects(n) -> None:
    more = n * 4
    assert mde_two_proportions(more, more) < mde_two_proportions(n, n)
    assert mde_paired(more, 0.3) < mde_paired(n, 0.3)
    assert mde_auc(more, more) < mde_auc(n, n)
    assert mde_proportion(more, 0.2) < mde_proportion(n, 0.2)


def test_more_certainty_needs_larger_effects() -> None:
    for strict in ({"alpha": 0.01}, {"power": 0.95}):
        assert mde_two_proportions(100, 100, **strict) > mde_two_proportions(100, 100)
        assert mde_paired(100, 0.3, **strict) > mde_paired(100, 0.3)
        assert mde_auc(100, 100, **strict) > mde_auc(100, 100)
        assert mde_proportion(100, 0.3, **strict) > mde_proportion(100, 0.3)


def test_too_few_people_see_nothing() -> None:
    assert mde_proportion(3, 0.5) is None
    assert mde_proportion(0, 0.5) is None
    assert mde_two_proportions(0, 10) is None
    assert mde_two_proportions(3, 3) is None
    assert mde_paired(4, 1.0) is None
    assert mde_auc(1, 1) is None
    assert mde_tpr_at_fpr(1000, 1000, 0.001) is None
    assert mde_from_interval(None, None) is None


def test_no_disagreement_still_needs_five_people() -> None:
    assert mde_paired(100, 0.0) > 5 / 100


@pytest.mark.statistical
def test_paired_effect_is_seen_four_times_in_five() -> None:
    rng, n, discordance = np.random.default_rng(2), 300, 0.2
    effect = mde_paired(n, discordance)
    seen = 0
    for _ in range(400):
        which = rng.random(n)
        a = which < (discordance + effect) / 2
        b = (which >= (discordance + effect) / 2) & (which < discordance)
        seen += mcnemar_p(a, b).one_sided <= 0.05
    assert 0.7 < seen / 400 < 0.9


@pytest.mark.statistical
def test_area_is_seen_four_times_in_five() -> None:
    from scipy.special import ndtri

    rng, shift = np.random.default_rng(3), np.sqrt(2) * ndtri(0.5 + mde_auc(150, 100))
    seen = sum(
        mannwhitneyu(rng.normal(shift, 1, 150), rng.normal(0, 1, 100), alternative="greater").pvalue
        <= 0.05
        for _ in range(400)
    )
    assert 0.74 < seen / 400 < 0.86


@pytest.mark.statistical
def test_tpr_is_certified_at_the_effect_and_not_at_a_third_of_it() -> None:
    """Score atoms make the TPR above any sensible threshold exactly what is planted."""
    rng, m, k, fpr = np.random.default_rng(4), 500, 1000, 0.02
    effect = mde_tpr_at_fpr(m, k, fpr)
    for share, low, high in ((1.0, 0.7, 1.0), (1 / 3, 0.0, 0.3)):
        seen = 0
        for _ in range(300):
            members = np.where(rng.random(m) < fpr + share * effect, 9.0, -9.0)
            seen += tpr_at_fpr(members, rng.normal(size=k), fpr).lower > fpr
        assert low < seen / 300 <= high


def test_from_interval_inverts_the_normal_one() -> None:
    assert mde_from_interval(-1.959964, 1.959964) == pytest.approx(1.6449 + 0.8416, abs=1e-3)
