"""Count tokens coarsely."""

from dataclasses import dataclass
from typing import ClassVar

from reticent.core import Answer, Channel
from reticent.defences._settings import whole
from reticent.defences.base import Keyed

MOST_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class BucketUsage:
    """Round the token counts beside an answer up to a multiple of `tokens`; answers pass.

    Exact counts tell how a text was cut into tokens, how long a hidden prompt is, and how much was
    written that is not shown. The counts stand beside the answer and not in it, so they are rounded
    where replies are shaped (`Policy.usage_step`); with several such steps the largest counts.

    Attributes:
        tokens: the multiple, 1 or more.
    """

    kind: ClassVar[str] = "bucket_usage"
    keyed: ClassVar[bool] = False

    tokens: int

    def __post_init__(self) -> None:
        tokens = whole("tokens", self.tokens, low=1, high=MOST_TOKENS)
        object.__setattr__(self, "tokens", tokens)

    def narrows(self, channels: Channel) -> Channel:
        """Leave every channel."""
        return channels

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer as it is."""
        return answer
