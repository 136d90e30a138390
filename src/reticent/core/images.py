"""Pictures, as models take them and as attacks claim them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reticent.core.errors import BadInput
from reticent.core.types import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpace:
    """The shape of a model's pictures and the range of their values.

    Attributes:
        shape: (height, width) for grey, (height, width, 3) for colour; channels always last.
        low: the value of black in the model's own units.
        high: the value of white.
        flat: whether the model takes a picture as one row of `size` numbers, as scikit-learn's do,
            instead of as an array of `shape`.
    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    flat: bool = False

    def __post_init__(self) -> None:
        grey, colour = len(self.shape) == 2, len(self.shape) == 3 and self.shape[2] == 3
        if not (grey or colour) or min(self.shape) < 1:
            raise BadInput(
                f"Pictures of shape {self.shape} are neither (height, width) nor (height, width, "
                "3).",
                way_out="Put the colour channels last; a single channel has no axis of its own.",
            )
        if not self.low < self.high:
            raise BadInput(
                f"Black is {self.low:g} and white {self.high:g}; black must be less.",
                way_out="Give the range of the values that the model takes, black first.",
            )

    @property
    def size(self) -> int:
        """Return the numbers in one picture."""
        return int(np.prod(self.shape))

    def to_unit(self, x: Floats) -> Floats:
        """Return pictures in [0, 1] for pictures in the model's units, any shape."""
        return np.asarray((x - self.low) / (self.high - self.low), dtype=np.float64)

    def from_unit(self, x: Floats) -> Floats:
        """Return pictures in the model's units for pictures in [0, 1], any shape."""
        return np.asarray(self.low + x * (self.high - self.low), dtype=np.float64)

    def inputs(self, pictures: Floats) -> Floats:
        """Return what the model is asked for n pictures in [0, 1]: the one way of asking it.

        Args:
            pictures: (n, *shape) or (n, size), values in [0, 1].

        Returns: (n, size) if the model takes flat rows, else (n, *shape); in the model's units.

        >>> ImageSpace(shape=(2, 2), high=255, flat=True).inputs(np.ones((1, 2, 2))).tolist()
        [[255.0, 255.0, 255.0, 255.0]]
        """
        return self.from_unit(pictures).reshape(self._asked(len(pictures)))

    def pictures(self, x: Floats) -> Floats:
        """Return (n, *shape) pictures in [0, 1] for n inputs of the model, flat or not.

        Raises: BadInput if an input does not have the numbers of one picture.
        """
        given = np.asarray(x, dtype=np.float64)
        if given.ndim < 2 or given.shape[1:] not in ((self.size,), self.shape):
            raise BadInput(
                f"Inputs of shape {given.shape} are no pictures of shape {self.shape}.",
                way_out="Give all pictures in one size, as (n, height, width), with the colours "
                "last, or as rows of pixels.",
            )
        return self.to_unit(given).reshape(len(given), *self.shape)

    def _asked(self, n: int) -> tuple[int, ...]:
        return (n, self.size) if self.flat else (n, *self.shape)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReconstructionClaim:
    """One picture for each wanted class (or template).

    Attributes:
        images: (m, height, width) or (m, height, width, 3), values in [0, 1].
        confidence: (m,) how sure the attack is, by its own measure; higher is surer. Never a
            judge's.
        steps: gradient steps taken for all m pictures together; 0 for an attack that takes none.
        notes: what the attack chose or found on the way (printed, never graded).
    """

    images: Floats
    confidence: Floats
    steps: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)
