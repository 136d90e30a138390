import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from reticent.attacks._images.differentiate import gradient_of
from reticent.attacks._images.estimate import EstimatedGradient
from reticent.attacks._images.gradient import NotDifferentiable
from reticent.attacks._images.layers import DenseGradient
from reticent.core import ImageSpace

SPACE = ImageSpace(shape=(2, 3), flat=True)
X = np.random.default_rng(1).random((40, 6))
Y = X[:, :3].argmax(axis=1)


def _mlp():
    return MLPClassifier((4,), activation="tanh", max_iter=5, tol=10, random_state=0)


def _of(model):
    return gradient_of(model.fit(X, Y), SPACE, np.random.default_rng(2))


@pytest.mark.parametrize(
    ("model", "curved"),
    [
        (LogisticRegression(), False),
        (LinearSVC(), False),
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (_mlp(), True),
        (make_pipeline(StandardScaler(), _mlp()), True),
        (make_pipeline(make_pipeline(_mlp())), True),
    ],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_only_a_model_without_curves_is_taken_for_straight(model, curved):
    view = _of(model)
    assert isinstance(view, DenseGradient)
    assert view.curved == curved
    # What is said is so: slopes at two places are the same, or are not.
    slope = np.eye(3)[:1]
    here, there = (view.forward(np.full((1, 6), v, dtype=np.float32))[1](slope) for v in (0.1, 0.9))
    assert np.array_equal(here, there) != curved


@pytest.mark.parametrize(
    ("model", "piece"),
    [
        (RandomForestClassifier(3, random_state=0), "RandomForestClassifier"),
        (make_pipeline(PolynomialFeatures(2), LogisticRegression()), "PolynomialFeatures"),
    ],
)
def test_what_has_scores_and_no_slope_is_measured_and_the_piece_is_named(model, piece):
    view = _of(model)
    assert isinstance(view, EstimatedGradient)
    assert view.how.startswith(f"estimated from differences: {piece}")
    logits, _ = view.forward(X.astype(np.float32))
    told = model.predict_proba(X)
    np.testing.assert_allclose(np.exp(logits), np.maximum(told, 1e-6), atol=1e-6)


def test_without_slopes_and_scores_there_is_nothing_to_do():
    with pytest.raises(NotDifferentiable, match="PolynomialFeatures"):
        _of(make_pipeline(PolynomialFeatures(2), LinearSVC()))


def test_a_torch_module_is_differentiated_by_torch():
    import torch

    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 3).eval()
    view = gradient_of(layer, SPACE, np.random.default_rng(3))
    assert view.how == "torch"
    logits, backward = view.forward(X.astype(np.float32))
    weights = layer.weight.detach().numpy()
    np.testing.assert_allclose(logits, X @ weights.T + layer.bias.detach().numpy(), atol=1e-5)
    slope = np.random.default_rng(4).standard_normal((40, 3))
    np.testing.assert_allclose(backward(slope), slope @ weights, atol=1e-5)


def test_a_module_in_training_mode_is_refused():
    import torch

    with pytest.raises(NotDifferentiable, match="training mode"):
        gradient_of(torch.nn.Linear(6, 3).train(), SPACE, np.random.default_rng(5))


def test_a_module_that_lets_no_gradient_through_says_so():
    torch = pytest.importorskip("torch")

    class Detached(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x).detach()

    view = gradient_of(Detached(6, 3).eval(), SPACE, np.random.default_rng(2))
    with pytest.raises(NotDifferentiable, match="Detached answers without a gradient") as caught:
        view.forward(np.zeros((2, 6), np.float32))
    assert "scores or label" in caught.value.way_out
