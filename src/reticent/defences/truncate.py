"""Keep the first coordinates of an embedding."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel
from reticent.defences._settings import embeddings_of, whole
from reticent.defences.base import Keyed

MOST_DIMENSIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Truncate:
    """Keep the first `dimensions` coordinates of every embedding; the others become 0.

    Zeros keep the vector's width, which stores and clients are set to, and cosines and inner
    products come out as those of the shorter vectors. For a model trained for it (Matryoshka) the
    first coordinates are the ones that matter; for any other it is the same as leaving out any.

    After a rotate step with the same policy it keeps a secret subspace.

    Attributes:
        dimensions: how many stay, at least 1; all of them if the vector is shorter.
    """

    kind: ClassVar[str] = "truncate"
    keyed: ClassVar[bool] = False

    dimensions: int

    def __post_init__(self) -> None:
        kept = whole("dimensions", self.dimensions, low=1, high=MOST_DIMENSIONS)
        object.__setattr__(self, "dimensions", kept)

    def narrows(self, channels: Channel) -> Channel:
        """Leave everything but INTERMEDIATE, where the whole vector may stand."""
        return channels & ~Channel.INTERMEDIATE

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the embeddings cut; withheld coordinates stay withheld.

        Raises: BadPolicy if the answer has none.
        """
        x = embeddings_of(self.kind, answer, way_out="Leave the step out; top_k is for scores.")
        cut = x.copy()
        rest = cut[:, self.dimensions :]
        rest[~np.isnan(rest)] = 0.0
        return Answer(embeddings=cut)
