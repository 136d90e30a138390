"""When a guess is right, and how people are split in two."""

import numpy as np
import pytest

from reticent.audit.grade.base import halves, is_right, is_same
from reticent.core import Domain

WORDS = Domain(values=np.array(["a", "b"]))
SCALE = Domain(values=np.array([0.0, 10.0]), continuous=True, tol=2.0)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 100])
def test_halves_share_nobody_and_leave_nobody_out(n):
    first, second = halves(n, np.random.default_rng(0))
    assert (first ^ second).all()
    assert first.sum() == n // 2


def test_halves_are_drawn_anew_by_every_generator():
    draws = {halves(50, np.random.default_rng(seed))[0].tobytes() for seed in range(20)}
    assert len(draws) == 20
    again = halves(50, np.random.default_rng(3))[0].tobytes()
    assert again == halves(50, np.random.default_rng(3))[0].tobytes()


def test_a_guess_on_a_scale_is_right_within_the_tolerance():
    truth = np.array([10.0, 10.0, 10.0, np.nan])
    guesses = np.array([12.0, 7.999, 8.0, 8.0])
    assert is_right(guesses, truth, SCALE).tolist() == [True, False, True, False]


def test_a_category_is_right_when_it_is_the_same_and_near_is_not_enough():
    assert is_right(np.array(["a", "b"]), np.array(["a", "a"]), WORDS).tolist() == [True, False]
    assert is_right(np.array([1.4]), np.array([1.0]), WORDS).tolist() == [False]


def test_numbers_are_the_same_by_value_and_words_by_letter():
    guesses = np.array([1, 1.0, True, "1", "yes", 2], dtype=object)
    truth = np.array([1.0, 1, 1, 1, "Yes", 3], dtype=object)
    assert is_same(guesses, truth).tolist() == [True, True, True, True, False, False]
