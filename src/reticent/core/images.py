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
    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0

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
