"""Judge: where edges run, whatever the light: histograms of oriented gradients."""

from dataclasses import dataclass
from typing import final

import numpy as np

from reticent.audit.images.judges.base import Album, Judge, nearest
from reticent.audit.images.pixels import even, grey, resized
from reticent.core import Floats, Ints

_CELLS = (8, 8)
_TURNS = 8


@final
@dataclass(frozen=True, slots=True, eq=False)
class GradientJudge:
    """Nearest held-out photo by histograms of oriented gradients (Dalal & Triggs 2005).

    Attributes:
        features: (n, d) of the photos.
        who: (n,) the person on each.
        k: people.
        shape: the size that pictures are brought to.
    """

    features: Floats
    who: Ints
    k: int
    shape: tuple[int, int]
    name: str = "gradients"
    how: str = "nearest held-out photo by histograms of oriented gradients"

    def rank(self, images: Floats) -> Floats:
        """Return minus the distance to each person's nearest photo, (m, k)."""
        seen = oriented_gradients(images, self.shape)
        apart = 2 - 2 * seen @ self.features.T
        return nearest(apart, self.who, self.k)


def fit_gradients(album: Album, rng: np.random.Generator) -> Judge:
    """Return a judge that has looked at the album; `rng` is not needed."""
    height, width = album.photos.shape[1:3]
    shape = (max(min(height, 64), 16), max(min(width, 64), 16))
    return GradientJudge(oriented_gradients(album.photos, shape), album.who, album.k, shape)


def oriented_gradients(images: Floats, shape: tuple[int, int]) -> Floats:
    """Return (m, d) unit vectors: for each cell of a grid, how strong edges of each direction are.

    Args:
        images: (m, height, width) or with three channels.
        shape: the size that they are brought to first.
    """
    picture = even(resized(grey(images), shape))
    down, across = np.gradient(picture, axis=(1, 2))
    strength = np.hypot(down, across)
    turn = np.mod(np.arctan2(down, across), np.pi) / np.pi * _TURNS
    lower = np.floor(turn).astype(int) % _TURNS
    share = turn - np.floor(turn)
    maps = np.zeros((*picture.shape, _TURNS))
    m, h, w = np.ogrid[: picture.shape[0], : picture.shape[1], : picture.shape[2]]
    maps[m, h, w, lower] += strength * (1 - share)
    maps[m, h, w, (lower + 1) % _TURNS] += strength * share
    cells = resized(maps.transpose(3, 0, 1, 2).reshape(-1, *shape), _CELLS)
    flat = np.sqrt(cells.reshape(_TURNS, len(picture), -1).transpose(1, 0, 2))
    flat = flat.reshape(len(picture), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(length, 1e-9), dtype=np.float64)
