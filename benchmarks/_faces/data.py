"""The AT&T faces: 40 people, ten photos each, cut as the targets and the judges see them."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reticent.core import ImageSpace

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("RETICENT_DATA", ROOT.parent / "shared" / "data"))

PEOPLE, PHOTOS, TRAINED = 40, 10, 7
SHAPE = (112, 92)
ROWS = ImageSpace(shape=SHAPE, flat=True)  # what scikit-learn's targets take
PICTURES = ImageSpace(shape=SHAPE)  # what torch's targets take


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Photos:
    """Some photos of some people.

    Attributes:
        x: (n, 112, 92) grey values in [0, 1].
        y: (n,) who, from 0.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @property
    def rows(self) -> np.ndarray:
        """Return (n, 10304) pictures as rows."""
        return self.x.reshape(len(self.x), -1)

    def of(self, people: np.ndarray) -> "Photos":
        """Return the photos of these people only, who are counted from 0 in this order."""
        place = np.full(PEOPLE, -1)
        place[people] = np.arange(len(people))
        there = place[self.y] >= 0
        return Photos(x=self.x[there], y=place[self.y[there]])


def faces() -> tuple[Photos, Photos]:
    """Return photos 1 to 7 of everybody, for the targets, and 8 to 10, for the judges."""
    folder = DATA / "att_faces"
    x = np.stack(
        [
            np.asarray(Image.open(folder / f"s{s}" / f"{i}.pgm"), dtype=np.float64) / 255
            for s in range(1, PEOPLE + 1)
            for i in range(1, PHOTOS + 1)
        ]
    )
    y = np.repeat(np.arange(PEOPLE), PHOTOS)
    trained = np.arange(len(y)) % PHOTOS < TRAINED
    return Photos(x=x[trained], y=y[trained]), Photos(x=x[~trained], y=y[~trained])


def two_groups(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the 20 people that a target is trained on and the 20 that the adversary has."""
    drawn = np.random.default_rng([20, seed]).permutation(PEOPLE)
    return np.sort(drawn[:20]), np.sort(drawn[20:])


def wall(rows: list[np.ndarray], path: Path) -> None:
    """Write pictures in [0, 1], (n, 112, 92) a row, as one PNG to look at."""
    joined = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    Image.fromarray((255 * np.clip(joined, 0, 1)).astype(np.uint8)).save(path)
