"""scikit-learn's linear models and perceptrons in closed form, without torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reticent.attacks._images.gradient import Backward, NotDifferentiable, Rows
from reticent.core import Floats, ImageSpace

#: Rows -> rows, and the gradient by what came out -> the gradient by what went in.
Layer = Callable[[Rows], tuple[Rows, Callable[[Rows], Rows]]]


@dataclass(frozen=True, slots=True, eq=False)
class DenseGradient:
    """A chain of layers behind the step from unit values to the model's units.

    Attributes:
        curved: whether any layer is not a straight line.
    """

    layers: Sequence[Layer]
    space: ImageSpace
    curved: bool = True
    how: str = "closed form"

    def forward(self, rows: Rows) -> tuple[Floats, Backward]:
        """Return logits (m, k) for pictures (m, size) in [0, 1], and the way back."""
        width = np.float32(self.space.high - self.space.low)
        out, backs = np.float32(self.space.low) + width * np.asarray(rows, np.float32), []
        for layer in self.layers:
            out, back = layer(out)
            backs.append(back)

        def backward(slope: Floats) -> Rows:
            g = np.asarray(slope, dtype=np.float32)
            for back in reversed(backs):
                g = back(g)
            return np.asarray(width * g, dtype=np.float32)

        return np.asarray(out, dtype=np.float64), backward


def layers_of(model: Any) -> list[Layer]:
    """Return a fitted model as layers that end in logits.

    Raises: NotDifferentiable naming the piece that has no known gradient.
    """
    steps = getattr(model, "steps", None)
    if steps is not None:
        pieces = [step for _, step in steps if step is not None and step != "passthrough"]
        found = [_transform(piece) for piece in pieces[:-1]]
        return [*found, *layers_of(pieces[-1])]
    if hasattr(model, "coefs_") and hasattr(model, "activation"):
        return _perceptron(model)
    if hasattr(model, "coef_") and hasattr(model, "intercept_") and hasattr(model, "classes_"):
        return [_linear(model)]
    raise NotDifferentiable(
        f"{type(model).__name__} has no gradient that is known here.",
        way_out="Linear models and perceptrons of scikit-learn and torch modules have one.",
    )


def affine(weights: Any, shift: Any) -> Layer:
    """Return x @ weights + shift; weights (d, h), shift (h,)."""
    w, b = np.asarray(weights, dtype=np.float32), np.asarray(shift, dtype=np.float32)
    return lambda x: (x @ w + b, lambda g: g @ w.T)


def _scale(factor: Any, shift: Any) -> Layer:
    f, s = np.asarray(factor, dtype=np.float32), np.asarray(shift, dtype=np.float32)
    return lambda x: (x * f + s, lambda g: g * f)


def _sigmoid(x: Rows) -> tuple[Rows, Callable[[Rows], Rows]]:
    # tanh does not overflow, and is one pass.
    y = np.asarray(0.5 * (1 + np.tanh(0.5 * x)), dtype=np.float32)
    return y, lambda g: np.asarray(g * y * (1 - y), dtype=np.float32)


def _tanh(x: Rows) -> tuple[Rows, Callable[[Rows], Rows]]:
    y = np.tanh(x)
    return y, lambda g: np.asarray(g * (1 - y * y), dtype=np.float32)


def _relu(x: Rows) -> tuple[Rows, Callable[[Rows], Rows]]:
    return np.maximum(x, 0), lambda g: np.asarray(g * (x > 0), dtype=np.float32)


_ACTIVATIONS: Mapping[str, Layer] = {
    "logistic": _sigmoid,
    "tanh": _tanh,
    "relu": _relu,
    "identity": lambda x: (x, lambda g: g),
}


def _perceptron(model: Any) -> list[Layer]:
    layers: list[Layer] = []
    for i, (w, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        if i:
            layers.append(_ACTIVATIONS[model.activation])
        layers.append(affine(w, b))
    if model.coefs_[-1].shape[1] == 1:  # two classes have one logit
        layers.append(_two_sided)
    return layers


def _linear(model: Any) -> Layer:
    coef = np.atleast_2d(np.asarray(model.coef_))
    shift = np.atleast_1d(np.asarray(model.intercept_))
    if len(coef) == 1:
        coef, shift = np.concatenate([-coef, coef]) / 2, np.concatenate([-shift, shift]) / 2
    return affine(coef.T, np.broadcast_to(shift, len(coef)))


def _two_sided(x: Rows) -> tuple[Rows, Callable[[Rows], Rows]]:
    half = np.float32(0.5)
    return (
        np.concatenate([-x, x], axis=1) * half,
        lambda g: np.asarray((g[:, 1:] - g[:, :1]) * half, dtype=np.float32),
    )


def _transform(piece: Any) -> Layer:
    """Return a fitted scaler or linear projection as a layer."""
    kind = type(piece).__name__
    if kind == "StandardScaler":
        scale = 1 / piece.scale_ if piece.scale_ is not None else 1.0
        mean = piece.mean_ if piece.with_mean and piece.mean_ is not None else 0.0
        return _scale(scale, -np.asarray(mean) * scale)
    if kind == "RobustScaler":
        scale = 1 / piece.scale_ if piece.scale_ is not None else 1.0
        centre = piece.center_ if piece.center_ is not None else 0.0
        return _scale(scale, -np.asarray(centre) * scale)
    if kind == "MinMaxScaler" and not piece.clip:
        return _scale(piece.scale_, piece.min_)
    if kind == "MaxAbsScaler":
        return _scale(1 / piece.scale_, 0.0)
    if kind in ("PCA", "IncrementalPCA", "TruncatedSVD"):
        down = np.asarray(piece.components_).T
        if getattr(piece, "whiten", False):
            down = down / np.sqrt(piece.explained_variance_)
        mean = getattr(piece, "mean_", None)
        shift = np.zeros(down.shape[1]) if mean is None else -np.asarray(mean) @ down
        return affine(down, shift)
    raise NotDifferentiable(
        f"{kind} has no gradient that is known here.",
        way_out="Scalers and PCA in front of the classifier have one.",
    )
