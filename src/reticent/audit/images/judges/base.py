"""The contract of a judge: somebody who knows the people and never the attacked model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from reticent.core import BadInput, Floats, Ints


class Judge(Protocol):
    """Says who is on a picture.

    A judge has seen photos of the people that the attacked model was not trained on, and neither
    the model nor the attack. What the model itself recognises proves nothing: an attack makes
    pictures for exactly that.

    Attributes:
        name: short, as printed.
        how: what it looks at, one line.
    """

    @property
    def name(self) -> str:
        """Return its short name."""
        ...

    @property
    def how(self) -> str:
        """Return what it looks at, one line."""
        ...

    def rank(self, images: Floats) -> Floats:
        """Return how much each picture looks like each person: (m, k), higher is more.

        Args:
            images: (m, height, width) or (m, height, width, 3) in [0, 1], any size.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Album:
    """The photos that judges learn people from.

    Attributes:
        photos: (n, height, width) or (n, height, width, 3) in [0, 1]; none of them was used to
            train the attacked model.
        who: (n,) the person on each, 0 to k - 1.
        k: people in the line-up; each needs at least one photo.
    """

    photos: Floats
    who: Ints
    k: int

    def __post_init__(self) -> None:
        lonely = sorted(set(range(self.k)) - set(self.who.tolist()))
        if lonely:
            raise BadInput(
                f"Classes {lonely[:8]} have no photo for the judges; everybody in a line-up needs "
                "one that the model was not trained on.",
                way_out="Add held-out photos of these people, or leave them out of the audit.",
            )
        if len(self.photos) != len(self.who):
            raise BadInput(f"There are {len(self.photos)} photos of {len(self.who)} people.")


#: Makes a judge; the generator is for learners that draw.
Fit = Callable[[Album, np.random.Generator], Judge]


def nearest(distances: Floats, who: Ints, k: int) -> Floats:
    """Return (m, k) minus the distance to each person's nearest photo.

    Args:
        distances: (m, n) from pictures to photos.
        who: (n,) the person on each photo.
        k: people.
    """
    return np.stack([-distances[:, who == person].min(axis=1) for person in range(k)], axis=1)
