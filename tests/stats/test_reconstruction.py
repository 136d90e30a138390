import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.stats.reconstruction import (
    line_up,
    min_entropy_leak_bits,
    queries_to_half,
    residual_risk,
    rogan_gladen,
    time_to_half_s,
)

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_line_up_states_its_chance() -> None:
    found = line_up(38, 40, 5)
    assert (found.null, found.estimate) == (0.2, 0.95)
    assert found.lower == pytest.approx(0.831, abs=1e-3)
    with pytest.raises(BadInput, match="at least 2"):
        line_up(1, 2, 1)


def test_a_perfect_judge_corrects_nothing() -> None:
    found = rogan_gladen((30, 100), 1.0, 1.0)
    assert found.estimate == pytest.approx(0.3)
    assert (found.lower, found.upper) == pytest.approx((0.219, 0.396), abs=1e-3)  # Wilson's


def test_a_generous_judge_is_discounted() -> None:
    found = rogan_gladen((30, 100), (95, 100), (72, 100))
    assert found.estimate == pytest.approx((0.3 + 0.72 - 1) / (0.95 + 0.72 - 1))
    assert found.lower == 0.0
    assert found.estimate < 0.05


@pytest.mark.parametrize("judge", [(0.5, 0.5), ((10, 20), (9, 20)), (0.2, 0.7)])
def test_a_judge_no_better_than_chance_says_nothing(judge) -> None:
    assert rogan_gladen((30, 100), *judge).estimate is None


def test_lang_and_reiczigel_by_hand() -> None:
    """Equations 4, 6, 7 and 17 of the paper, worked out apart from the code: the ends lean to the
    side on which the judge is known less."""
    found = rogan_gladen((50, 100), (18, 20), (38, 40))
    assert found.estimate == pytest.approx(0.45 / 0.85)
    assert (found.lower, found.upper) == pytest.approx((0.39530, 0.72003), abs=1e-5)


def test_a_less_known_judge_widens_the_interval() -> None:
    sure, unsure = (rogan_gladen((50, 100), (9 * k, 10 * k), (9 * k, 10 * k)) for k in (50, 2))
    assert unsure.upper - unsure.lower > sure.upper - sure.lower


@given(counts, counts, counts)
def test_corrected_rate_stays_in_its_interval(apparent, sensitivity, specificity) -> None:
    found = rogan_gladen(apparent, sensitivity, specificity)
    if found.estimate is not None:
        assert 0 <= found.lower <= found.estimate <= found.upper <= 1


def test_bits() -> None:
    assert min_entropy_leak_bits(1.0, 0.25) == 2
    assert min_entropy_leak_bits(0.25, 0.25) == 0
    with pytest.raises(BadInput, match=r"v_post = 0\.0"):
        min_entropy_leak_bits(0.0, 0.5)


def test_residual_risk_takes_the_control_off() -> None:
    assert residual_risk(0.3, 0.3) == 0
    assert residual_risk(1.0, 0.4) == 1
    assert residual_risk(1.0, 1.0) is None


def test_half_without_censoring_is_the_median() -> None:
    found = queries_to_half(np.arange(1, 102), np.ones(101))
    assert found.estimate == 51
    assert 38 <= found.lower < 51 < found.upper <= 64


def test_failures_stay_in_the_denominator() -> None:
    """Half of the attempts give up early: dropping them would halve the figure."""
    queries = np.r_[np.arange(1, 51), np.full(60, 60)]
    found = queries_to_half(queries, np.arange(110) < 50)
    assert found.estimate == math.inf
    assert found.upper == math.inf
    assert found.counts["found"] == 50
    assert queries_to_half(queries[:50], np.ones(50)).estimate == 25


def test_nothing_found_is_not_reached_rather_than_zero() -> None:
    found = queries_to_half([100, 200], [False, False])
    assert (found.estimate, found.lower) == (math.inf, 200)
    assert queries_to_half([], []).estimate is None


def test_all_at_the_same_query_is_sure_only_with_enough_people() -> None:
    many, few = queries_to_half([7] * 20, [1] * 20), queries_to_half([7] * 3, [1] * 3)
    assert (many.estimate, many.lower, many.upper) == (7, 7, 7)
    assert few.upper == math.inf


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=60))
def test_half_lies_in_its_interval(attempts) -> None:
    queries, found = zip(*attempts, strict=True)
    q50 = queries_to_half(queries, found)
    assert q50.lower <= q50.estimate <= q50.upper


def test_time_at_single_digit_queries_a_minute() -> None:
    assert time_to_half_s(500, 5 / 60) == pytest.approx(6000)
    assert time_to_half_s(500, 5 / 60, identities=100) == pytest.approx(60)
