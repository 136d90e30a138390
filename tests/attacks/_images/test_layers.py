import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from reticent.attacks._images.gradient import NotDifferentiable
from reticent.attacks._images.layers import DenseGradient, layers_of
from reticent.core import ImageSpace

SPACE = ImageSpace(shape=(3, 4), low=-2.0, high=6.0, flat=True)


def _mlp(activation):
    return MLPClassifier((7, 5), activation=activation, max_iter=20, random_state=0)


MODELS = {
    "logistic": LogisticRegression(),
    "ridge": RidgeClassifier(),
    "sgd": SGDClassifier(random_state=0),
    "svc": LinearSVC(),
    "lda": LinearDiscriminantAnalysis(),
    "mlp sigmoid": _mlp("logistic"),
    "mlp tanh": _mlp("tanh"),
    "mlp relu": _mlp("relu"),
    "mlp identity": _mlp("identity"),
    "standard, pca": make_pipeline(StandardScaler(), PCA(5), LogisticRegression()),
    "whitened": make_pipeline(PCA(5, whiten=True), LogisticRegression()),
    "svd": make_pipeline(TruncatedSVD(4), LogisticRegression()),
    "minmax": make_pipeline(MinMaxScaler(), "passthrough", _mlp("tanh")),
    "maxabs": make_pipeline(MaxAbsScaler(), LogisticRegression()),
    "robust": make_pipeline(make_pipeline(RobustScaler(), LogisticRegression())),
}


def _fitted(model, classes):
    rng = np.random.default_rng(5)
    x = SPACE.inputs(rng.random((60, 12)))
    y = (x[:, :classes].argmax(axis=1)) if classes > 2 else (x[:, 0] > x[:, 1]).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y), rng.random((24, 12))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_closed_form_agrees_with_the_model_and_with_differences(name, classes):
    model, unit = _fitted(MODELS[name], classes)
    view = DenseGradient(layers_of(model), SPACE)
    logits, backward = view.forward(unit.astype(np.float32))
    assert logits.shape == (24, classes)
    np.testing.assert_array_equal(logits.argmax(axis=1), model.predict(SPACE.inputs(unit)))
    if hasattr(model, "predict_proba") and name != "lda":
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected = model.predict_proba(SPACE.inputs(unit))
        np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), expected, atol=1e-4)
    slope = np.tile([1.0, -0.5, 2.0][:classes], (len(unit), 1))
    way = 3e-3 * np.random.default_rng(6).standard_normal(12)
    ahead, here, behind = (
        (view.forward((unit + side * way).astype(np.float32))[0] * slope).sum(axis=1)
        for side in (1, 0, -1)
    )
    # Where a rectifier's kink lies between, there is no one slope to compare with.
    bent = np.abs(ahead - 2 * here + behind) > 1e-3 * np.abs(ahead - behind).max()
    bent &= "relu" in name
    assert bent.sum() <= len(unit) // 2
    rise = ((ahead - behind) / 2)[~bent]
    found = (backward(slope) @ way)[~bent]
    np.testing.assert_allclose(found, rise, rtol=5e-3, atol=2e-3 * np.abs(rise).max())


def test_a_piece_without_gradient_is_named():
    model, _ = _fitted(make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=1)), 3)
    with pytest.raises(NotDifferentiable, match="PolynomialFeatures"):
        layers_of(model)
