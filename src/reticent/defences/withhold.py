"""Drop whole kinds of output."""

from dataclasses import dataclass
from typing import ClassVar

from reticent.core import NO_CHANNEL, Answer, Channel
from reticent.defences.base import Keyed

SHUT = {
    "label": Channel.LABEL,
    "scores": Channel.SCORES | Channel.TOP_K | Channel.LOGITS | Channel.LOGPROBS,
    "value": Channel.VALUE,
    "embedding": Channel.EMBEDDING,
}


@dataclass(frozen=True, slots=True)
class Withhold:
    """Drop the parts of an answer named in `channels`; what an answer lacks is no error.

    "scores" stands for class scores and for the log-probabilities of written tokens.

    Attributes:
        channels: one or more of "label", "scores", "value" and "embedding".
    """

    kind: ClassVar[str] = "withhold"
    keyed: ClassVar[bool] = False

    channels: tuple[str, ...]

    def __post_init__(self) -> None:
        given = self.channels
        if (
            not isinstance(given, (tuple, list))
            or not given
            or not all(isinstance(name, str) and name in SHUT for name in given)
        ):
            raise ValueError(f"channels is {given!r}; it must be a list of some of {list(SHUT)}.")
        # One order and no repeats, so that one meaning has one digest.
        object.__setattr__(self, "channels", tuple(sorted(set(given))))

    def narrows(self, channels: Channel) -> Channel:
        """Shut what is named."""
        shut = NO_CHANNEL
        for name in self.channels:
            shut |= SHUT[name]
        return channels & ~shut

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer without the named parts."""
        return Answer(
            labels=None if "label" in self.channels else answer.labels,
            scores=None if "scores" in self.channels else answer.scores,
            values=None if "value" in self.channels else answer.values,
            embeddings=None if "embedding" in self.channels else answer.embeddings,
        )
