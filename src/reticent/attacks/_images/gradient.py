"""What it is to differentiate a model: its logits, and the way back to the pictures."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reticent.core import BadInput, Floats

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
