"""Keep few bits of every coordinate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel, Floats
from reticent.defences._settings import embeddings_of, whole
from reticent.defences.base import Keyed

MOST_BITS = 16


@dataclass(frozen=True, slots=True)
class Quantise:
    """Keep `bits` bits of every coordinate of an embedding, as compressed vector stores do.

    With 2 bits or more each vector is brought to whole multiples of its largest coordinate over
    2^(bits - 1) - 1, int8 being 8 bits. With 1 bit only the signs are left, at a length of 1.
    Vectors stay numbers of the size they had, so cosines can be compared with those of others.

    It saves room. It hides little: 8 bits are all but the vector, and signs of a few hundred
    coordinates tell most of its direction. Audit it; do not assume that it helps.

    Attributes:
        bits: 1 to 16.
    """

    kind: ClassVar[str] = "quantise"
    keyed: ClassVar[bool] = False

    bits: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", whole("bits", self.bits, low=1, high=MOST_BITS))

    def narrows(self, channels: Channel) -> Channel:
        """Leave everything but INTERMEDIATE, where the whole vector may stand."""
        return channels & ~Channel.INTERMEDIATE

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the embeddings with fewer bits; withheld coordinates stay withheld.

        Raises: BadPolicy if the answer has none.
        """
        x = embeddings_of(
            self.kind,
            answer,
            way_out="Leave the step out; round and bucket are for scores and values.",
        )
        return Answer(embeddings=_signs(x) if self.bits == 1 else self._levels(x))

    def _levels(self, x: Floats) -> Floats:
        largest = np.fmax.reduce(np.abs(x), axis=1, initial=0.0)[:, None]
        levels = 2.0 ** (self.bits - 1) - 1
        # First to [-1, 1], so that neither huge nor tiny vectors leave the range of floats.
        share = np.divide(x, largest, out=np.where(np.isnan(x), np.nan, 0.0), where=largest > 0)
        return np.asarray(np.round(share * levels) / levels * largest + 0.0)


def _signs(x: Floats) -> Floats:
    """Return the signs, scaled so that a vector's shown coordinates have length 1.

    >>> _signs(np.array([[0.3, -2.0, 0.0, 9.0]])).tolist()
    [[0.5, -0.5, 0.5, 0.5]]
    """
    shown = np.maximum((~np.isnan(x)).sum(axis=1, keepdims=True), 1)
    size = 1 / np.sqrt(shown)
    return np.where(np.isnan(x), np.nan, np.where(x >= 0, size, -size))
