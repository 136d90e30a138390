"""Keep answers inside a range."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel, Floats
from reticent.defences._settings import number
from reticent.defences.base import Keyed

FURTHEST = 1e300


@dataclass(frozen=True, slots=True)
class Clip:
    """Raise scores, values or coordinates below `low` to it, lower those above `high`; labels pass.

    It hides the tails, where over-confident answers give members away. Clipped scores are not
    brought back to a sum of 1.

    Attributes:
        low: least answer.
        high: greatest answer, above `low`.
    """

    kind: ClassVar[str] = "clip"
    keyed: ClassVar[bool] = False

    low: float
    high: float

    def __post_init__(self) -> None:
        low = number("low", self.low, low=-FURTHEST, high=FURTHEST)
        high = number("high", self.high, low=-FURTHEST, high=FURTHEST)
        if not low < high:
            raise ValueError(f"low is {low} and high is {high}; low must be less than high.")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def narrows(self, channels: Channel) -> Channel:
        """Shut LOGITS, which would tell what was clipped."""
        return channels & ~Channel.LOGITS

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer inside [low, high]; withheld entries stay withheld."""
        return Answer(
            labels=answer.labels,
            scores=None if answer.scores is None else self._clipped(answer.scores),
            values=None if answer.values is None else self._clipped(answer.values),
            embeddings=None if answer.embeddings is None else self._clipped(answer.embeddings),
        )

    def _clipped(self, numbers: Floats) -> Floats:
        return np.clip(numbers, self.low, self.high)
