"""The model in the adversary's hands, as something to differentiate."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from reticent.attacks._images.estimate import EstimatedGradient
from reticent.attacks._images.gradient import Gradient, NotDifferentiable
from reticent.attacks._images.layers import DenseGradient, layers_of
from reticent.attacks._images.module import ModuleGradient
from reticent.core import ImageSpace


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
        return ModuleGradient(model, space)
    try:
        return DenseGradient(layers_of(model), space, curved=hasattr(_last(model), "coefs_"))
    except NotDifferentiable as error:
        if not callable(getattr(model, "predict_proba", None)):
            raise
        return EstimatedGradient(model, space, rng, error.what)


def _last(model: Any) -> Any:
    steps = getattr(model, "steps", None)
    return _last(steps[-1][1]) if steps else model
