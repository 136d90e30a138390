"""Let every answer take a round number of milliseconds."""

from dataclasses import dataclass
from typing import ClassVar

from reticent.core import Answer, Channel
from reticent.defences._settings import number
from reticent.defences.base import Keyed

LONGEST_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class PadTime:
    """Have the guard answer only at multiples of `grid_ms` after a question; answers pass.

    What the delay tells is then its grid step: a grid above the slowest answer leaves one, a finer
    one leaves several, so TIMING stays open. The auditor does not see time, the guard pads it
    (`Policy.time_grid_s`); with several such steps the widest grid counts.

    Attributes:
        grid_ms: width of the grid in milliseconds, in (0, 60,000].
    """

    kind: ClassVar[str] = "pad_time"
    keyed: ClassVar[bool] = False

    grid_ms: float

    def __post_init__(self) -> None:
        grid_ms = number("grid_ms", self.grid_ms, low=0, high=LONGEST_MS, open_low=True)
        object.__setattr__(self, "grid_ms", grid_ms)

    def narrows(self, channels: Channel) -> Channel:
        """Leave every channel: padding coarsens the delay and does not shut it off."""
        return channels

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer as it is."""
        return answer
