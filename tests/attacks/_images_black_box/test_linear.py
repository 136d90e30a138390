import numpy as np
import pytest
from scipy.special import softmax

from reticent.attacks._images_black_box.linear import fit_censored, fit_exact
from reticent.attacks._images_black_box.shown import read
from reticent.core import Answer
from reticent.policy import Policy

RNG = np.random.default_rng(4)
WEIGHTS, BIAS = RNG.standard_normal((8, 5)), RNG.standard_normal(5)
MODES = RNG.standard_normal((1500, 8))
P = softmax(MODES @ WEIGHTS + BIAS, axis=1)


def said(steps):
    answer = Answer(labels=P.argmax(axis=1), scores=P)
    return read(Policy.from_list(steps).apply(answer, np.zeros((len(P), 1))), 5)


def centred(w):
    return w - w.mean(axis=-1, keepdims=True)


def test_exact_scores_give_the_weights_themselves():
    copy = fit_exact(MODES, said([]))
    np.testing.assert_allclose(centred(copy.weights), centred(WEIGHTS), atol=1e-4)
    np.testing.assert_allclose(centred(copy.bias), centred(BIAS), atol=1e-4)


@pytest.mark.parametrize(
    ("steps", "off"),
    [
        ([{"kind": "round", "digits": 2}], 0.03),
        ([{"kind": "top_k", "k": 2}], 0.02),
        ([{"kind": "top_k", "k": 1}], 0.02),
    ],
)
def test_what_is_withheld_biases_nothing(steps, off):
    copy = fit_censored(MODES, said(steps), np.ones(8), ridge=1e-4, rounds=400)
    assert np.abs(centred(copy.weights) - centred(WEIGHTS)).max() < off
    assert np.abs(centred(copy.bias) - centred(BIAS)).max() < off


def test_labels_give_the_weights_up_to_their_length():
    copy = fit_censored(MODES, said([{"kind": "hard_label"}]), np.ones(8), ridge=1.0, rounds=400)
    found, true = centred(copy.weights).ravel(), centred(WEIGHTS).ravel()
    assert found @ true / np.linalg.norm(found) / np.linalg.norm(true) > 0.99


def test_answers_that_say_nothing_are_left_out():
    labels = P.argmax(axis=1)
    labels[::2] = -1
    half = read(Answer(labels=labels), 5)
    only = read(Answer(labels=labels[1::2]), 5)
    one = fit_censored(MODES, half, np.ones(8), ridge=1.0)
    other = fit_censored(MODES[1::2], only, np.ones(8), ridge=1.0)
    np.testing.assert_array_equal(one.weights, other.weights)
