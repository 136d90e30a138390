"""A model that takes pictures with their colours first, asked with their colours last."""

from dataclasses import dataclass
from typing import final

import numpy as np

from reticent.core import Answer, Channel, Floats, Inputs
from reticent.targets.base import Target


@final
@dataclass(frozen=True, slots=True, eq=False)
class ChannelsFirst:
    """Hands (n, height, width[, 3]) on as (n, 1 or 3, height, width).

    Attributes:
        target: the model, which is asked with channels first.
    """

    target: Target

    @property
    def name(self) -> str:
        """Return how messages call the model."""
        return self.target.name

    @property
    def channels(self) -> Channel:
        """Return the channels that the raw model offers."""
        return self.target.channels

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the class values in the order of the scores."""
        return self.target.classes

    @property
    def columns(self) -> tuple[str, ...]:
        """Return nothing: it takes arrays."""
        return ()

    def answer(self, x: Inputs) -> Answer:
        """Return the raw answer to each picture."""
        return self.target.answer(channels_first(np.asarray(x, dtype=np.float64)))

    def weights(self) -> object:
        """Return the model itself, which takes channels first."""
        return self.target.weights()


def channels_first(x: Floats) -> Floats:
    """Return (n, 1, height, width) for grey pictures, (n, 3, height, width) for colour.

    >>> channels_first(np.zeros((2, 4, 5))).shape, channels_first(np.zeros((2, 4, 5, 3))).shape
    ((2, 1, 4, 5), (2, 3, 4, 5))
    """
    return x[:, None] if x.ndim == 3 else np.moveaxis(x, -1, 1)


def as_taken(target: Target, x: Floats) -> Floats:
    """Return inputs as the model behind a target takes them, in its own layout.

    Args:
        target: a model of pictures.
        x: (n, height, width[, 3]) or (n, size), as `ImageSpace.inputs` gives them.
    """
    from reticent.targets.torch import TorchModel

    if isinstance(target, ChannelsFirst):
        return channels_first(x)
    if not isinstance(target, TorchModel) or target.images is None or target.layout is None:
        return x
    import torch

    from reticent.targets._torch_view import arranged

    given = torch.from_numpy(np.ascontiguousarray(x))
    return np.ascontiguousarray(arranged(given, target.layout, target.images.shape).numpy())
