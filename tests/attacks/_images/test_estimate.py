import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression

from reticent.attacks._images.estimate import DIRECTIONS, FAR, EstimatedGradient
from reticent.core import ImageSpace

SPACE = ImageSpace(shape=(12, 12), low=-1.0, high=3.0, flat=True)


class Counted:
    """Answers with a linear model's probabilities and remembers what it was asked."""

    def __init__(self, weights):
        self.weights = weights
        self.asked = []

    def predict_proba(self, x):
        self.asked.append(x)
        z = x @ self.weights
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


def _broad(seed, classes=3):
    """Return weights (144, classes) that are smooth: patterns find those in few questions."""
    noise = np.random.default_rng(seed).standard_normal((classes, 12, 12))
    smooth = gaussian_filter(noise, (0, 3, 3)).reshape(classes, -1).T
    return 0.02 * smooth / smooth.std(axis=0)


def test_the_slope_along_smooth_patterns_is_that_of_the_model():
    weights = _broad(1)
    view = EstimatedGradient(Counted(weights), SPACE, np.random.default_rng(2))
    rows = np.full((3, 144), 0.5, dtype=np.float32)
    _, backward = view.forward(rows)
    slope = np.eye(3) - 1 / 3
    found = backward(slope)
    true = slope @ weights.T * (SPACE.high - SPACE.low)
    cosine = np.einsum("ij,ij->i", found, true)
    cosine /= np.linalg.norm(found, axis=1) * np.linalg.norm(true, axis=1)
    assert cosine.min() > 0.8
    # Downhill for one class is not downhill for another.
    crossed = np.einsum("ij,ij->i", found, np.roll(true, 1, axis=0))
    assert crossed.max() < np.einsum("ij,ij->i", found, true).min()


def test_what_is_asked_is_in_the_models_units_and_never_beyond_its_range():
    model = Counted(_broad(3))
    view = EstimatedGradient(model, SPACE, np.random.default_rng(4))
    rows = np.concatenate([np.zeros((1, 144)), np.ones((1, 144))]).astype(np.float32)
    _, backward = view.forward(rows)
    backward(np.ones((2, 3)))
    asked = np.stack(model.asked)
    assert len(asked) == 1 + 2 * DIRECTIONS
    np.testing.assert_array_equal(asked[0], np.repeat([[-1.0], [3.0]], 144, axis=1))
    assert asked.min() == -1.0
    assert asked.max() == 3.0
    # A pair looks to both sides: where one is lighter than black, the other would be darker.
    up, down = asked[1, 0] + 1, asked[2, 0] + 1
    assert not (np.minimum(up, down) > 0).any()
    way = (up - down) / (SPACE.high - SPACE.low)
    assert way.std() == pytest.approx(FAR, rel=1e-5)


def test_scores_of_zero_have_logarithms():
    class Certain:
        def predict_proba(self, x):
            return np.eye(2)[np.zeros(len(x), dtype=int)]

    view = EstimatedGradient(Certain(), SPACE, np.random.default_rng(5))
    logits, backward = view.forward(np.full((2, 144), 0.5, dtype=np.float32))
    np.testing.assert_allclose(logits, [[0.0, np.log(1e-6)]] * 2)
    assert not backward(np.ones((2, 2))).any()


def test_it_says_where_its_gradients_come_from():
    model = LogisticRegression()
    view = EstimatedGradient(model, SPACE, np.random.default_rng(6), "a tree has none")
    assert view.how == "estimated from differences: a tree has none"


def test_the_same_draws_give_the_same_slope():
    rows = np.full((1, 144), 0.4, dtype=np.float32)
    found = [
        EstimatedGradient(Counted(_broad(7)), SPACE, np.random.default_rng(8)).forward(rows)[1](
            np.array([[1.0, 0.0, -1.0]])
        )
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*found)
