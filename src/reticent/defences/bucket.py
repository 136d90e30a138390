"""Answer with the middle of a coarse interval."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from reticent.core import Answer, BadPolicy, Channel, Floats
from reticent.defences._settings import number, whole
from reticent.defences.base import Keyed

MOST_BUCKETS = 1_000_000
FURTHEST = 1e300  # the middle of two edges must not overflow


@dataclass(frozen=True, slots=True)
class Bucket:
    """Replace every score, value or coordinate by the midpoint of its bucket; labels pass.

    A bucket holds its lower edge and not its upper one, but the last holds both; whatever lies
    beyond the edges counts to the nearest bucket. Scores are not brought back to a sum of 1.

    Attributes:
        edges: increasing bucket borders, at least two; needed for a regressor or an embedding.
        count: number of buckets of equal width over [0, 1], instead of `edges`.
    """

    kind: ClassVar[str] = "bucket"
    keyed: ClassVar[bool] = False

    edges: tuple[float, ...] = ()
    count: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.edges, (tuple, list)):
            raise ValueError(f"edges is {self.edges!r}; it must be a list of increasing numbers.")
        edges = tuple(number("an edge", e, low=-FURTHEST, high=FURTHEST) for e in self.edges)
        count = whole("count", self.count, low=0, high=MOST_BUCKETS)
        if bool(edges) == bool(count):
            raise ValueError(
                f"edges is {list(edges)} and count is {count}; give one of the two, not both."
            )
        if edges and (len(edges) < 2 or any(b <= a for a, b in pairwise(edges))):
            raise ValueError(
                f"edges is {list(edges)}; it must hold two or more increasing numbers."
            )
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "count", count)

    def narrows(self, channels: Channel) -> Channel:
        """Shut LOGITS, which would tell what the buckets took away."""
        return channels & ~Channel.LOGITS

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return midpoints; withheld entries stay withheld.

        Raises: BadPolicy if `count` meets a regressor or an embedding, whose numbers have no
            natural range.
        """
        if answer.values is not None and not self.edges:
            raise BadPolicy(
                f"The policy buckets by count ({self.count}), but the model answers with a number "
                "(regression), which has no range of its own.",
                way_out="Give the bucket step edges in the unit of the target.",
            )
        if answer.embeddings is not None and not self.edges:
            raise BadPolicy(
                f"The policy buckets by count ({self.count}), but the model answers with an "
                "embedding, whose coordinates have no range of their own.",
                way_out="Give the bucket step edges.",
            )
        return Answer(
            labels=answer.labels,
            scores=None if answer.scores is None else self._middles(answer.scores),
            values=None if answer.values is None else self._middles(answer.values),
            embeddings=None if answer.embeddings is None else self._middles(answer.embeddings),
        )

    def _middles(self, numbers: Floats) -> Floats:
        edges = np.array(self.edges) if self.edges else np.linspace(0.0, 1.0, self.count + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        # Searching the inner edges only puts everything beyond the outer ones into the end buckets.
        place = np.searchsorted(edges[1:-1], numbers, side="right")
        return np.where(np.isnan(numbers), np.nan, middles[place])
