import math

import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.stats.intervals import (
    binomial_p,
    clopper_pearson,
    controls_needed,
    proportion,
    upper_bound_zero_hits,
)

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
methods = st.sampled_from(["clopper-pearson", "wilson"])


def test_zero_of_a_hundred_is_not_zero() -> None:
    rate = proportion(0, 100, metric="m")
    assert (rate.lower, rate.upper) == (0.0, pytest.approx(0.0362, abs=5e-5))
    assert upper_bound_zero_hits(100) == pytest.approx(0.0295, abs=5e-5)


def test_all_of_a_hundred_is_not_one() -> None:
    assert proportion(100, 100, metric="m").lower == pytest.approx(0.9638, abs=5e-5)


def test_no_data_is_none_never_zero() -> None:
    rate = proportion(0, 0, metric="m")
    assert (rate.estimate, rate.lower, rate.upper) == (None, None, None)


@pytest.mark.parametrize(("fpr", "n"), [(0.01, 299), (0.001, 2995)])
def test_controls_that_certify_a_rate(fpr: float, n: int) -> None:
    assert controls_needed(fpr) == n
    assert upper_bound_zero_hits(n) <= fpr < upper_bound_zero_hits(n - 1)


def test_no_controls_certify_nothing() -> None:
    assert upper_bound_zero_hits(0) == 1.0


@given(counts, methods)
def test_the_interval_holds_its_estimate(count, method) -> None:
    rate = proportion(*count, metric="m", method=method)
    assert 0 <= rate.lower <= rate.estimate <= rate.upper <= 1
    assert rate.estimate == rate.counts["hits"] / rate.counts["n"]


@given(counts, methods)
def test_more_hits_raise_both_ends(count, method) -> None:
    hits, n = count
    if hits == n:
        return
    low, high = (proportion(h, n, metric="m", method=method) for h in (hits, hits + 1))
    assert low.lower < high.lower
    assert low.upper < high.upper or low.upper == 1.0


@given(counts, methods)
def test_failures_mirror_successes(count, method) -> None:
    hits, n = count
    one, other = (proportion(h, n, metric="m", method=method) for h in (hits, n - hits))
    assert one.lower == pytest.approx(1 - other.upper, abs=1e-12)


@given(counts, methods, st.floats(0.5, 0.98))
def test_more_confidence_is_wider(count, method, confidence) -> None:
    one = proportion(*count, metric="m", method=method, confidence=confidence)
    two = proportion(*count, metric="m", method=method, confidence=confidence + 0.01)
    assert two.lower <= one.lower
    assert two.upper >= one.upper


@given(counts)
def test_the_exact_end_inverts_the_exact_test(count) -> None:
    hits, n = count
    lower = float(clopper_pearson(hits, n).lower)
    if hits:
        assert binomial_p(hits, n, lower) == pytest.approx(0.025, rel=1e-6)


def test_side_decides_where_n_goes() -> None:
    assert proportion(1, 5, metric="m").n_members == 5
    assert proportion(1, 5, metric="m", members=False).n_non_members == 5


@pytest.mark.parametrize("bad", [(3, 2), (-1, 2)])
def test_impossible_counts_are_named(bad) -> None:
    with pytest.raises(BadInput, match=f"hits = {bad[0]} of n = 2"):
        proportion(*bad, metric="m")


@pytest.mark.parametrize("bad", [0.0, 1.0, 95.0, math.nan])
def test_a_confidence_in_percent_is_refused(bad) -> None:
    with pytest.raises(BadInput, match="strictly between 0 and 1"):
        proportion(1, 2, metric="m", confidence=bad)
