"""What an endpoint says beside its answers: put on the model under audit, and on its controls."""

from dataclasses import replace
from typing import Any

import numpy as np

from reticent.audit.images.experiment import ImageExperiment, Photos
from reticent.audit.images.pixels import even
from reticent.core import BadInput, Floats, ImageSpace
from reticent.targets.base import Target


def explain(
    target: Target,
    space: ImageSpace,
    *,
    explainer: str | None,
    layer: str | None,
    mean: Floats,
    examples: Floats,
) -> Target:
    """Return a model that says more than its answer, as its endpoint does.

    Args:
        target: a classifier.
        space: its pictures.
        explainer: "saliency", "attribution" or "prototype"; None for no explanation.
        layer: the submodule whose output is shown; None for none.
        mean: (*shape) the picture that attributions count from, in [0, 1].
        examples: (k, *shape) the photo of each class that is shown as its prototype, in [0, 1].

    Raises: BadInput if the model is no torch module, or has no such layer.
    """
    if explainer is None and layer is None:
        return target
    from reticent.targets.explained import ExplainedModel
    from reticent.targets.torch import TorchModel

    if not isinstance(target, TorchModel):
        raise BadInput(
            f"{target.name} has no gradients here, so that nothing can explain its answers or show "
            "an inner layer.",
            way_out="Audit it as a torch module, or as an ONNX graph of common operations.",
        )
    rows = replace(space, flat=True)
    kind: Any = explainer or "none"
    return ExplainedModel(
        model=target,
        explainer=kind,
        baseline=rows.inputs(mean[None])[0],
        prototypes=rows.inputs(examples),
        layer=layer or "",
    )


def bare(target: Target) -> Target:
    """Return the classifier without what it says beside its answers."""
    model: Target | None = getattr(target, "model", None) if hasattr(target, "explainer") else None
    return target if model is None else model


def dressed(experiment: ImageExperiment, model: Target, examples: Floats) -> Target:
    """Return a model that says beside its answers what the one under audit does.

    Args:
        experiment: what is audited.
        model: a module in the place of the one under audit.
        examples: (k, *shape) what it shows as prototypes, in [0, 1].
    """
    from reticent.targets.explained import ExplainedModel
    from reticent.targets.torch import TorchModel

    under = experiment.target
    if not (isinstance(under, ExplainedModel) and isinstance(model, TorchModel)):
        return model
    shown = replace(experiment.space, flat=True).inputs(examples)
    return replace(under, model=model, prototypes=shown)


def explained(
    experiment: ImageExperiment, target: Target, weights: Floats, middle: Floats, examples: Floats
) -> Target:
    """Return a linear model with the explanations of the one under audit, and no inner layer.

    Args:
        experiment: what is audited.
        target: the linear model, which is returned as it is if nothing is to be explained.
        weights: (k, size) its logits are weights @ (x - middle).
        middle: (size,).
        examples: (k, *shape) what it shows as prototypes, in [0, 1].
    """
    from reticent.targets.explained import ExplainedModel

    under = experiment.target
    if not isinstance(under, ExplainedModel) or under.explainer == "none":
        return target
    model = linear_module(weights, -weights @ middle, experiment, name=target.name)
    shown = replace(experiment.space, flat=True).inputs(examples)
    return replace(under, model=model, prototypes=shown, layer="")


def linear_module(
    weights: Floats, bias: Floats, experiment: ImageExperiment, *, name: str, embeds: bool = False
) -> Any:
    """Return a torch model that answers weights @ x + bias, as logits or as a vector."""
    import torch

    from reticent.targets.torch import TorchModel

    layer = torch.nn.Linear(weights.shape[1], len(weights)).eval()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        layer.bias.copy_(torch.from_numpy(bias))
    return TorchModel(
        module=layer,
        classes=() if embeds else experiment.classes,
        answers="embedding" if embeds else "logits",
        images=experiment.space,
        layout="rows",
        name=name,
    )


def medoids(photos: Photos, k: int) -> Floats:
    """Return (k, *shape) the photo of each class that is nearest to the class's mean."""
    found = []
    for person in range(k):
        own = photos.of(person)
        flat = even(own).reshape(len(own), -1)
        found.append(own[((flat - flat.mean(axis=0)) ** 2).sum(axis=1).argmin()])
    return np.stack(found)
