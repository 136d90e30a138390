import math

import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.stats.epsilon import epsilon_ceiling, epsilon_lower, tpr_permitted

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
rates = st.floats(0, 1)


@pytest.mark.parametrize(("n", "ceiling"), [(100, 3.28), (1000, 5.60), (10_000, 7.90)])
def test_ceilings_of_the_field(n, ceiling) -> None:
    assert round(epsilon_ceiling(n), 2) == ceiling
    perfect = epsilon_lower(n, n, 0, n)
    assert perfect.lower == perfect.counts["ceiling"] == epsilon_ceiling(n)


def test_by_hand() -> None:
    from scipy.stats import beta

    low, high = beta.ppf(0.025, 80, 21), beta.ppf(0.975, 11, 90)
    assert epsilon_lower(80, 100, 10, 100).lower == pytest.approx(math.log(low / high))
    assert epsilon_lower(80, 100, 10, 100, delta=0.1).lower == pytest.approx(
        math.log((low - 0.1) / high)
    )


@given(counts, counts)
def test_bound_lies_between_zero_and_the_ceiling(one, other) -> None:
    found = epsilon_lower(*one, *other)
    assert 0 <= found.lower <= found.counts["ceiling"]
    assert found.upper is None


@given(counts, counts)
def test_more_success_never_lowers_the_bound(one, other) -> None:
    (tp, n), (fp, k) = one, other
    if tp < n:
        assert epsilon_lower(tp + 1, n, fp, k).lower >= epsilon_lower(tp, n, fp, k).lower
    if fp < k:
        assert epsilon_lower(tp, n, fp + 1, k).lower <= epsilon_lower(tp, n, fp, k).lower


@given(counts, counts)
def test_calling_everybody_the_other_way_proves_the_same(one, other) -> None:
    """Members called non-members: the trade-off has two sides and both are used."""
    (tp, n), (fp, k) = one, other
    assert epsilon_lower(tp, n, fp, k).lower == pytest.approx(
        epsilon_lower(k - fp, k, n - tp, n).lower
    )


def test_guessing_proves_nothing() -> None:
    assert epsilon_lower(50, 100, 50, 100).lower == 0.0
    assert epsilon_lower(0, 0, 0, 10).lower is None


@given(st.floats(0, 12), rates, st.floats(0, 0.1))
def test_permitted_rate_is_a_trade_off_curve(epsilon, fpr, delta) -> None:
    tpr = tpr_permitted(epsilon, fpr, delta)
    assert fpr - 1e-9 <= tpr <= 1
    assert tpr <= math.exp(epsilon) * fpr + delta + 1e-9
    assert tpr_permitted(epsilon + 0.1, fpr, delta) >= tpr
    # Read from the other side it is the same curve: (1 - TPR, 1 - FPR) is as good an attack.
    if 0 < tpr < 1:
        assert tpr_permitted(epsilon, 1 - tpr, delta) >= 1 - fpr - 1e-6


def test_ten_is_no_protection_at_a_thousandth() -> None:
    assert tpr_permitted(10, 0.001) > 0.9999
    assert tpr_permitted(0, 0.2) == pytest.approx(0.2)


def test_negative_epsilon_is_refused() -> None:
    with pytest.raises(BadInput, match="epsilon = -1"):
        tpr_permitted(-1, 0.1)
