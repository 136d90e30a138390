"""Controls of attacks that work on what was seen of a photo: a vector, or an inner layer."""

from dataclasses import replace

import numpy as np

from reticent.audit.images.beside import linear_module
from reticent.audit.images.door import Setting
from reticent.audit.images.experiment import ImageExperiment
from reticent.audit.images.pixels import mixing
from reticent.audit.images.planted import setting_of
from reticent.core import Answer, Floats
from reticent.targets.base import Target

THUMBNAIL = (16, 14)  # pixels: small, and enough to know somebody by


def thumbnails(experiment: ImageExperiment) -> Setting:
    """Return a model whose vectors, or inner layer, are small copies of the picture.

    It leaks for certain: what has seen them has seen the person.
    """
    space = experiment.space
    height, width = space.shape[:2]
    small = min(height, THUMBNAIL[0]), min(width, THUMBNAIL[1])
    down, across = mixing(height, small[0]), mixing(width, small[1])
    colours = np.eye(3) if len(space.shape) == 3 else np.eye(1)
    weights = np.kron(np.kron(down, across), colours) / (space.high - space.low)
    bias = -weights.sum(axis=1) * (space.high + space.low) / 2
    if experiment.embeds:
        target: Target = linear_module(weights, bias, experiment, name="thumbnails", embeds=True)
    else:
        target = _inside(experiment, weights, bias)
    return setting_of(experiment, target, flat=space.flat)


def strangers(experiment: ImageExperiment, level: str, rng: np.random.Generator) -> Setting:
    """Return the model under audit with vectors, or an inner layer's outputs, of nobody.

    They are drawn with the mean and covariance of those of other people's pictures. What an attack
    makes of them shows its habits and nobody's face.
    """
    setting = setting_of(experiment, experiment.target, flat=experiment.space.flat)
    others = experiment.held_out if experiment.public is None else experiment.public
    told = experiment.target.answer(setting.space.inputs(others.x))
    m = len(experiment.people)
    drawn = Answer(
        embeddings=_drawn(told.embeddings, m, rng) if experiment.embeds else None,
        intermediate=_drawn(told.intermediate, m, rng) if level == "intermediate" else None,
    )
    return replace(setting, drawn=drawn)


def _drawn(seen: Floats | None, m: int, rng: np.random.Generator) -> Floats | None:
    if seen is None:
        return None
    mean = seen.mean(axis=0)
    weights = rng.standard_normal((m, len(seen))) / np.sqrt(len(seen))
    return np.asarray(mean + weights @ (seen - mean))


def _inside(experiment: ImageExperiment, weights: Floats, bias: Floats) -> Target:
    """Return a classifier whose first layer makes thumbnails."""
    import torch

    from reticent.targets.explained import ExplainedModel

    first = linear_module(weights, bias, experiment, name="thumbnails", embeds=True)
    last = torch.nn.Linear(len(weights), experiment.k).eval()
    module = torch.nn.Sequential(first.module, last).eval()
    model = replace(first, module=module, classes=experiment.classes, answers="logits")
    return ExplainedModel(model=model, layer="0")
