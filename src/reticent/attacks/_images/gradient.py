"""The model in the adversary's hands, as something to differentiate."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from reticent.core import BadInput, Floats, ImageSpace

#: Pictures as rows of unit values, float32: half the time of float64 and as good here.
Rows = NDArray[np.float32]

#: What a layer makes of pictures where it keeps their plane: (n, channels, height, width).
Maps = NDArray[np.float32]

#: Gradient by the logits (m, k) -> gradient by the pictures (m, size).
Backward = Callable[[Floats], Rows]


class NotDifferentiable(BadInput):
    """A model, or a piece of one, through which no gradient is known."""


class Gradient(Protocol):
    """A model's logits, and how they change with the pictures.

    Attributes:
        how: where the gradients come from, for the notes.
    """

    @property
    def how(self) -> str:
        """Return where the gradients come from."""
        ...

    def forward(self, rows: Rows) -> tuple[Floats, Backward]:
        """Return logits (m, k) for pictures (m, size) in [0, 1], and the way back."""
        ...


@runtime_checkable
class _Module(Protocol):
    """What a torch module has; torch itself is not imported to see that something is none."""

    def named_parameters(self) -> Any: ...

    def state_dict(self) -> Any: ...


def gradient_of(model: object, space: ImageSpace, rng: np.random.Generator) -> Gradient:
    """Return a differentiable view of a fitted model.

    scikit-learn's linear models and perceptrons, behind scalers and linear projections, are
    differentiated in closed form; torch modules by torch. Of anything else with `predict_proba`
    the gradient is estimated from differences, and `how` says so.

    Args:
        model: a fitted estimator or pipeline, or a module (n, *shape) in the model's units ->
            logits or embeddings, such as `targets.torch.TorchModel.weights()` hands out.
        space: its pictures.
        rng: of estimated gradients.

    Raises: NotDifferentiable if nothing can be made of it.
    """
    if isinstance(model, _Module):
        from reticent.attacks._images.module import ModuleGradient

        return ModuleGradient(model, space)
    from reticent.attacks._images.estimate import EstimatedGradient
    from reticent.attacks._images.layers import DenseGradient, layers_of

    try:
        return DenseGradient(layers_of(model), space, curved=hasattr(_last(model), "coefs_"))
    except NotDifferentiable as error:
        if not callable(getattr(model, "predict_proba", None)):
            raise
        return EstimatedGradient(model, space, rng, error.what)


def _last(model: Any) -> Any:
    steps = getattr(model, "steps", None)
    return _last(steps[-1][1]) if steps else model
