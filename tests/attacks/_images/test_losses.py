import numpy as np
import pytest

from reticent.attacks._images.losses import LOSSES


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_are_those_of_the_loss(name):
    rng = np.random.default_rng(1)
    logits, y = 2 * rng.standard_normal((5, 4)), np.array([0, 1, 2, 3, 0])
    _, slope = LOSSES[name](logits, y)
    for j in range(4):
        step = np.zeros_like(logits)
        step[:, j] = 1e-5
        rise = LOSSES[name](logits + step, y)[0] - LOSSES[name](logits - step, y)[0]
        np.testing.assert_allclose(slope[:, j], rise / 2e-5, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_the_wanted_class_lies_downhill(name):
    logits, y = np.array([[0.3, 0.1, 0.2]]), np.array([1])
    surer = np.array([[0.3, 1.1, 0.2]])
    assert LOSSES[name](surer, y)[0] < LOSSES[name](logits, y)[0]


def test_cross_entropy_saturates_and_the_logit_does_not():
    sure, y = np.array([[60.0, 0.0, 0.0]]), np.array([0])
    assert np.abs(LOSSES["cross-entropy"](sure, y)[1]).max() < 1e-20
    assert LOSSES["logit"](sure, y)[1][0, 0] == pytest.approx(-2 / 3)


def test_the_margin_survives_a_class_that_is_no_number():
    _, slope = LOSSES["margin"](np.array([[1.0, np.nan, 0.5]]), np.array([0]))
    assert slope.tolist() == [[-1.0, 0.0, 1.0]]
