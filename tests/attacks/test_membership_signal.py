"""Confidences: censored, rounded and saturated answers."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from reticent.attacks._membership_signal import Kind, confidence, floor_of, log_odds
from reticent.core import Answer

probabilities = arrays(float, (6, 4), elements=st.floats(1e-6, 1)).map(
    lambda p: p / p.sum(axis=1, keepdims=True)
)
Y = np.array([0, 1, 2, 3, 0, 1])


def test_by_hand() -> None:
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0]])
    got = log_odds(p, np.array([0, 1]), floor=1e-9)
    assert got == pytest.approx([0.0, np.log(9)])


def test_one_minus_p_would_saturate() -> None:
    # In float64 1 - p_y is 0 for both; what is left for the other class still differs.
    p = np.array([[1.0, 1e-18], [1.0, 1e-30]])
    low, high = log_odds(p, np.array([0, 0]), floor=1e-40)
    assert high - low == pytest.approx(12 * np.log(10))


def test_float32_saturation_keeps_the_order() -> None:
    logits = np.array([[18.0, 0.0], [40.0, 0.0], [80.0, 0.0]], dtype=np.float32)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    assert (p[1:, 0] == 1).all()
    got = log_odds(p.astype(np.float64), np.zeros(3, dtype=np.int64), floor=1e-40)
    assert got == pytest.approx([18, 40, 80], rel=1e-3)


def test_rounded_answers_stay_finite_and_symmetric() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    sure, wrong = log_odds(p, np.array([0, 0]), floor=0.005)
    assert sure == pytest.approx(np.log(200))
    assert wrong == pytest.approx(-sure)


@given(probabilities)
def test_full_scores_agree_with_the_textbook(p) -> None:
    own = p[np.arange(6), Y]
    expected = np.log(own) - np.log1p(-own)
    np.testing.assert_allclose(log_odds(p, Y, floor=1e-12), expected, rtol=1e-6, atol=1e-6)


@given(probabilities, st.integers(1, 3))
def test_withheld_is_censored_never_zero(p, k: int) -> None:
    shown = np.full_like(p, np.nan)
    best = np.argsort(-p, axis=1)[:, :k]
    np.put_along_axis(shown, best, np.take_along_axis(p, best, axis=1), axis=1)
    got = log_odds(shown, Y, floor=1e-12)
    own = shown[np.arange(6), Y]
    kept = ~np.isnan(own)
    # What is shown is used as it is ...
    exact = np.log(p[np.arange(6), Y]) - np.log1p(-p[np.arange(6), Y])
    np.testing.assert_allclose(got[kept], exact[kept], rtol=1e-5, atol=1e-5)
    # ... and what is not lies above zero and at or below its bound.
    bound = np.minimum(np.nanmin(shown, axis=1), 1 - np.nansum(shown, axis=1))[~kept]
    most = np.log(bound) - np.log1p(-bound)
    assert (got[~kept] <= most + 1e-6).all()
    assert (got[~kept] > np.log(1e-12)).all()


def test_an_empty_row_is_uniform() -> None:
    got = log_odds(np.full((1, 4), np.nan), np.array([2]), floor=1e-9)
    assert got == pytest.approx([-np.log(3)])


def test_the_last_withheld_entry_follows_by_subtraction() -> None:
    p = np.array([[0.7, 0.2, np.nan]])
    assert log_odds(p, np.array([2]), floor=1e-9) == pytest.approx([np.log(0.1 / 0.9)])


def test_floor_from_the_policy_or_from_a_forest() -> None:
    steps = [{"kind": "temperature", "t": 2.0}, {"kind": "round", "digits": 1}]
    assert floor_of([], steps) == pytest.approx(0.05)
    assert floor_of([np.array([[0.02, 0.98]]), np.array([[1.0, 0.0]])], []) == pytest.approx(0.01)


def test_labels_and_values() -> None:
    said = Answer(labels=np.array([1, 0, -1]))
    assert confidence(said, np.array([1, 1, 1]), kind=Kind.LABELS).tolist() == [1, -1, 0]
    told = Answer(values=np.array([1.0, -2.0]))
    assert confidence(told, np.array([3.0, -2.0]), kind=Kind.VALUES).tolist() == [-2.0, 0.0]
