import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.stats.intervals import clopper_pearson
from reticent.stats.lineup import (
    Rate,
    agreed,
    agreement,
    corrected,
    line_up,
    line_up_p,
    picks,
    ranks,
)


def test_a_tie_and_a_score_that_is_no_number_count_against_the_picture():
    scores = np.array([[0.2, 0.2, 0.1], [np.nan, np.nan, np.nan], [0.1, 0.5, np.nan]])
    assert ranks(scores, np.array([0, 1, 1])).tolist() == [2, 3, 2]
    assert picks(scores).tolist() == [-1, -1, 1]


def test_a_judge_that_always_names_the_same_person_is_right_once_in_k():
    scores = np.tile(np.eye(40)[7], (40, 1))
    found = line_up(ranks(scores, np.arange(40)), 40)
    assert found.estimate == found.null == 1 / 40


def test_the_interval_is_exact():
    found = line_up(np.array([1] * 38 + [2, 9]), 40)
    limits = clopper_pearson(38, 40)
    assert (found.lower, found.upper) == (float(limits.lower), float(limits.upper))
    assert line_up(np.array([1] * 38 + [2, 9]), 40, top=5).counts == {"hits": 39, "n": 40}


def test_two_of_three_must_name_the_same_person():
    panel = [np.array([4, 1, -1, 2]), np.array([4, 2, -1, -1]), np.array([0, 3, 5, 2])]
    assert agreed(panel).tolist() == [4, -1, -1, 2]
    found = agreement(agreed(panel), np.array([4, 1, 2, 3]), 10)
    assert found.counts == {"hits": 1, "n": 4}


def test_half_of_the_judges_is_not_enough():
    with pytest.raises(BadInput, match="more than half"):
        agreed([np.array([1]), np.array([2])], needed=1)


def test_a_line_up_of_one_proves_nothing():
    with pytest.raises(BadInput, match="at least two people"):
        line_up(np.array([1]), 1)


def test_p_value_of_chance_is_large_and_of_success_is_small():
    assert line_up_p(1, 40, 40) == pytest.approx(1 - (39 / 40) ** 40)
    assert line_up_p(8, 40, 40) < 1e-5


def test_a_perfect_judge_needs_no_correction_but_keeps_its_doubt():
    found = corrected(Rate(hits=20, n=40), Rate(hits=10_000, n=10_000), 0.0)
    assert found.estimate == pytest.approx(0.5)
    plain = line_up(np.array([1] * 20 + [2] * 20), 40)
    assert found.lower <= plain.lower
    assert found.upper >= plain.upper


def test_a_judge_that_may_be_no_better_than_chance_says_nothing():
    found = corrected(Rate(hits=3, n=10), Rate(hits=1, n=4), 0.1)
    assert (found.lower, found.upper) == (0.0, 1.0)
    assert corrected(Rate(hits=0, n=0), Rate(hits=1, n=4), 0.1).estimate is None


@given(
    st.integers(0, 40), st.integers(60, 100), st.integers(2, 60), st.floats(0.8, 0.99)
)  # fmt: skip
def test_the_corrected_share_lies_in_its_interval_and_shrinks_with_chance(hits, right, k, level):
    seen, genuine = Rate(hits=hits, n=40), Rate(hits=right, n=100)
    found = corrected(seen, genuine, 1 / k, confidence=level)
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    assert found.estimate <= corrected(seen, genuine, 0.0, confidence=level).estimate + 1e-12


@pytest.mark.statistical
def test_the_corrected_interval_covers_the_truth():
    rng = np.random.default_rng(1)
    truth, sensitivity, false = 0.6, 0.85, 1 / 40
    missed = 0
    for _ in range(400):
        shows = rng.random(40) < truth
        hits = int((rng.random(40) < np.where(shows, sensitivity, false)).sum())
        right = int((rng.random(160) < sensitivity).sum())
        found = corrected(Rate(hits=hits, n=40), Rate(hits=right, n=160), false)
        missed += not found.lower <= truth <= found.upper
    assert missed <= 0.05 * 400
