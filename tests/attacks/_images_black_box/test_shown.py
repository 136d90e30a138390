import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.attacks._images_black_box.shown import Shown, join, nearest_consistent, read
from reticent.core import Answer, NotExposed
from reticent.policy import Policy

NAN = np.nan


def shown(p, steps):
    policy = Policy.from_list(steps)
    answer = policy.apply(Answer(labels=p.argmax(axis=1), scores=p), np.zeros((len(p), 1)))
    return read(answer, p.shape[1])


def exactly(row):
    return Shown(scores=np.array([row]), labels=np.array([0]), step=0.0)


@pytest.mark.parametrize(
    ("steps", "step"),
    [([], 0.0), ([{"kind": "round", "digits": 2}], 0.01), ([{"kind": "top_k", "k": 1}], 0.0)],
)
def test_the_grid_of_rounding_is_found(steps, step):
    p = np.random.default_rng(1).dirichlet(np.ones(6), size=40)
    assert shown(p, steps).step == step


def test_one_answer_on_the_grid_does_not_make_the_others_rounded():
    parts = [
        read(Answer(scores=np.array([row])), 2) for row in ([0.5, 0.5], [0.123456789, 0.876543211])
    ]
    assert parts[0].step == 0.1
    assert join(parts).step == 0.0


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(
        [
            [],
            [{"kind": "round", "digits": 2}],
            [{"kind": "top_k", "k": 2}],
            [{"kind": "top_k", "k": 1}],
        ]
    ),
)
def test_the_truth_itself_is_always_allowed(seed, steps):
    p = np.random.default_rng(seed).dirichlet(np.full(5, 0.5), size=8)
    np.testing.assert_allclose(nearest_consistent(p, shown(p, steps)), p, atol=1e-9)


def test_what_was_shown_is_kept_and_the_rest_stays_as_believed():
    said = exactly([0.6, NAN, NAN, NAN])
    found = nearest_consistent(np.array([[0.1, 0.6, 0.2, 0.1]]), said)
    np.testing.assert_allclose(found, [[0.6, 0.4 * 6 / 9, 0.4 * 2 / 9, 0.4 / 9]])


def test_no_withheld_class_passes_the_least_that_is_shown():
    said = exactly([0.3, NAN, NAN, NAN])
    found = nearest_consistent(np.array([[0.02, 0.96, 0.01, 0.01]]), said)
    np.testing.assert_allclose(found, [[0.3, 0.3, 0.2, 0.2]])


def test_a_rounded_zero_says_less_than_half_a_step():
    said = read(Answer(scores=np.array([[0.0, 0.98, 0.02]])), 3)
    assert said.step == 0.01
    found = nearest_consistent(np.array([[0.003, 0.977, 0.02]]), said)
    np.testing.assert_allclose(found, [[0.003, 0.977, 0.02]])
    assert nearest_consistent(np.array([[0.5, 0.4, 0.1]]), said)[0, 0] < 0.0051


def test_an_answer_of_nothing_is_refused():
    with pytest.raises(NotExposed, match="neither labels nor scores"):
        read(Answer(values=np.ones(2)), 3)
