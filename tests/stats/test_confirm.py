import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.stats.confirm import best_threshold_split, ppv, ppv_interval

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
rates = st.floats(0, 1)


def test_a_rare_prior_swamps_a_small_fpr() -> None:
    assert ppv(0.5, 0.01, 0.5) == pytest.approx(0.98, abs=0.01)
    assert ppv(0.5, 0.01, 0.001) == pytest.approx(0.048, abs=0.001)
    assert ppv(0.0, 0.0, 0.5) is None


@given(rates, st.floats(0.01, 0.99))
def test_ppv_of_guessing_is_the_prior(rate, prior) -> None:
    if rate > 1e-6:
        assert ppv(rate, rate, prior) == pytest.approx(prior)


@given(counts, counts, st.floats(0.001, 0.999))
def test_interval_holds_the_plug_in_value(one, other, prior) -> None:
    found = ppv_interval(*one, *other, prior)
    if found.estimate is not None:
        assert found.lower - 1e-12 <= found.estimate <= found.upper + 1e-12
        again = ppv(one[0] / one[1], other[0] / other[1], found.counts["prior"])
        assert found.estimate == again


def test_no_false_alarm_in_a_hundred_is_no_certainty() -> None:
    found = ppv_interval(50, 100, 0, 100, 0.01)
    assert found.estimate == 1.0
    assert found.lower < 0.1


def test_nobody_called_is_none() -> None:
    assert ppv_interval(0, 10, 0, 10, 0.5).estimate is None
    assert ppv_interval(0, 0, 0, 10, 0.5).lower is None


def test_threshold_never_sees_the_second_split() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=200), rng.normal(size=1000)
    one = best_threshold_split(*first, rng.normal(3, 1, 200), rng.normal(size=500), max_fpr=0.01)
    two = best_threshold_split(*first, rng.normal(0, 1, 200), rng.normal(size=500), max_fpr=0.01)
    assert one.threshold == two.threshold
    assert (first[1] > one.threshold).sum() == 10
    assert one.tpr.lower > 0.01 > two.tpr.lower
    assert one.tpr.n_members == 200
    assert one.fpr.n_non_members == 500


def test_without_controls_nobody_is_called() -> None:
    found = best_threshold_split([1.0], [], [5.0], [1.0])
    assert found.threshold == math.inf
    assert found.tpr.estimate == 0.0


def test_a_rate_in_percent_is_refused() -> None:
    with pytest.raises(BadInput, match="fpr = 5"):
        ppv(0.5, 5, 0.5)
