"""Load the model of pictures that a configuration names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reticent.config import ImageConfig
from reticent.core import BadAnswer, BadInput, Channel, Floats, ImageSpace
from reticent.core.answers import SUM_TOL
from reticent.data.images import Pictures
from reticent.targets.base import Target

TRIED = 64  # photos whose answers say whether they are probabilities


def load_picture_model(
    config: ImageConfig,
    space: ImageSpace,
    training: Pictures,
    labels: Sequence[object],
    notes: list[str],
    *,
    trust: bool,
) -> Target:
    """Return the model that the configuration names, asked with pictures as `space` has them.

    Args:
        config: as written.
        space: its pictures.
        training: photos that it was trained on.
        labels: of the training photos in order: the classes of a model that does not name its own.
        notes: what was noticed is added here.
        trust: the user's consent that the file may run code.

    Raises: BadInput for a file that is no such model.
    """
    some = space.inputs(training.x[:: max(len(training) // TRIED, 1)])
    model = config.model
    if model.reached_by == "torch":
        return _torch(config, space, some, labels, trust=trust)
    if model.reached_by == "onnx":
        return _onnx(config, space, some, labels, notes)
    from reticent.targets.files import load_model

    target = load_model(config.base / model.path, trust=trust, name=model.title)
    return _in_layout(config, target)


def _torch(
    config: ImageConfig, space: ImageSpace, some: Floats, labels: Sequence[object], *, trust: bool
) -> Target:
    """Return a torch module, or an ONNX graph as one."""
    from reticent.targets.torch import load_torch

    model = config.model
    embeds = model.answers == "embedding"
    target = load_torch(
        config.base / model.path,
        images=space,
        classes=() if embeds else tuple(model.classes or labels),
        answers="embedding" if embeds else "logits",
        factory=model.call,
        beside=config.base,
        trust=trust,
        name=model.title,
    )
    if embeds:
        return target
    import torch

    view: Any = target.weights()
    with torch.no_grad():
        told = view(torch.from_numpy(np.ascontiguousarray(some, dtype=np.float32))).numpy()
    return replace(target, answers=_kind(config, told))


def _onnx(
    config: ImageConfig,
    space: ImageSpace,
    some: Floats,
    labels: Sequence[object],
    notes: list[str],
) -> Target:
    from reticent.targets.onnx import OnnxTarget
    from reticent.targets.pictures import channels_first

    model, exposed = config.model, config.exposure.reachable
    beside = Channel.WEIGHTS | Channel.EXPLANATION | Channel.INTERMEDIATE
    if beside & exposed:
        try:
            return _torch(config, space, some, labels, trust=False)
        except BadInput as error:
            notes.append(
                f"The graph has no gradients here, so that nothing was run on its weights: {error}"
            )
    path, embeds = config.base / model.path, model.answers == "embedding"
    target = OnnxTarget(
        path,
        name=model.title,
        declared=tuple(model.classes or ()),
        answers="embedding" if embeds else "probabilities",
    )
    if embeds:
        return _in_layout(config, target)
    asked = channels_first(some) if model.taken_as == "channels_first" else some
    told = target.numbers(asked)
    if told.shape[1]:
        kind: Any = _kind(config, told)
        target = replace(target, answers=kind)
    if target.names_no_class and told.shape[1] == len(labels):
        target = replace(target, declared=tuple(labels))
    return _in_layout(config, target)


def _in_layout(config: ImageConfig, target: Target) -> Target:
    from reticent.targets.pictures import ChannelsFirst

    return ChannelsFirst(target) if config.model.taken_as == "channels_first" else target


def _kind(config: ImageConfig, told: Floats) -> Any:
    """Return "probabilities" or "logits", as configured, or as the answers are.

    Raises: BadInput if they are not what the configuration says; BadAnswer for what is no number.
    """
    said, name = config.model.answers, config.model.title
    if not np.isfinite(told).all():
        raise BadAnswer(
            f"{name} answers training photos with values that are no numbers.",
            way_out="Check the weights, and model.range: the values that it was trained on.",
        )
    sums = told.sum(axis=1)
    within = bool((told >= -SUM_TOL).all() and (np.abs(sums - 1) <= SUM_TOL).all())
    found = "probabilities" if within else "logits"
    if said is not None and said != found:
        raise BadInput(
            f"model.answers is {said!r}, and {name} answers training photos with numbers from "
            f"{told.min():.3g} to {told.max():.3g} that sum to {sums.min():.3g} to "
            f"{sums.max():.3g}: {found}.",
            way_out=f'Set model.answers = "{found}", or remove it.',
        )
    return found
