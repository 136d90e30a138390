from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.stats.multiplicity import (
    alpha_at_each_look,
    alpha_spending,
    benjamini_hochberg,
    holm,
)

p_values = st.lists(st.none() | st.floats(0, 1), max_size=20)
kinds = st.sampled_from(["obrien-fleming", "pocock"])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_by_hand() -> None:
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_both_agree_with_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    values = np.random.default_rng(0).random(25) ** 3
    np.testing.assert_allclose(holm(values.tolist()), multipletests(values, method="holm")[1])
    np.testing.assert_allclose(
        benjamini_hochberg(values.tolist()), multipletests(values, method="fdr_bh")[1]
    )


def test_what_was_not_run_stays_in_the_family() -> None:
    assert holm([0.01, None, None, None])[0] == pytest.approx(0.04)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@given(p_values)
def test_adjusting_never_helps_and_keeps_the_order(adjust, values) -> None:
    adjusted = adjust(values)
    assert [p is None for p in adjusted] == [p is None for p in values]
    both = sorted((p, q) for p, q in zip(values, adjusted, strict=True) if p is not None)
    for p, q in both:
        assert p - 1e-12 <= q <= 1
    assert all(a[1] <= b[1] + 1e-12 for a, b in pairwise(both))


@given(p_values)
def test_discovery_rate_is_never_stricter_than_family_wise(values) -> None:
    for bh, h in zip(benjamini_hochberg(values), holm(values), strict=True):
        assert bh is None or bh <= h + 1e-12


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_an_impossible_p_value_is_named(bad) -> None:
    with pytest.raises(BadInput, match=r"outside \[0, 1\]"):
        holm([0.5, bad])


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=10, unique=True), kinds)
def test_spending_rises_and_never_exceeds_alpha(fractions, kind) -> None:
    t = sorted(fractions)
    spent = alpha_spending(t, kind=kind)
    assert (np.diff(spent) >= 0).all()
    assert spent[-1] <= 0.05 + 1e-12
    assert alpha_at_each_look(t, kind=kind).sum() == pytest.approx(spent[-1])
    assert alpha_spending([1.0], kind=kind)[0] == pytest.approx(0.05)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["obrien-fleming", "pocock"])
def test_looking_often_keeps_the_false_alarm_rate(kind) -> None:
    """Ten looks at growing silence: the plan holds 5 %, testing at 5 % each time does not."""
    from scipy.special import ndtr

    rng = np.random.default_rng(1)
    sums = rng.normal(size=(4000, 10)).cumsum(axis=1) / np.sqrt(np.arange(1, 11))
    p = 1 - ndtr(sums)
    looks = alpha_at_each_look(np.arange(1, 11) / 10, kind=kind)
    assert (p <= looks).any(axis=1).mean() < 0.06
    assert (p <= 0.05).any(axis=1).mean() > 0.15


@pytest.mark.parametrize("bad", [[0.5, 0.4], [0.0, 1.0], [0.5, 1.2]])
def test_information_must_grow(bad) -> None:
    with pytest.raises(BadInput, match="must rise"):
        alpha_spending(bad)
