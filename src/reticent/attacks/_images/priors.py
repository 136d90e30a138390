"""What the adversary knows of pictures before it looks at the model: small pieces to combine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reticent.attacks._images.gradient import Rows
from reticent.core import Floats, ImageSpace, Ints, NotEnoughKnowledge, Population

#: How far pictures stray from their mean, root mean square in [0, 1], where nobody knows better.
USUAL_SPREAD = 0.12

_LEANING = 0.25  # power of the variance along a component
_FLAT = 1e-6  # of the largest variance: below it an axis holds rounding alone

#: (downhill direction (m, size), pictures (m, size), share of the way done) -> better direction.
Prior = Callable[[Rows, Rows, float], Rows]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Public:
    """Pictures of people who are not under attack, and what they say of pictures at large.

    Attributes:
        rows: (n, size) in [0, 1]; none at all if there are no such pictures.
        mean: (size,) their mean; grey without any.
        spread: root mean square distance of a picture from the mean; `USUAL_SPREAD` for fewer
            than two.
    """

    rows: Rows
    mean: Rows
    spread: float


def public(population: Population | None, space: ImageSpace) -> Public:
    """Return the adversary's own pictures as rows.

    Raises: BadInput if they do not fit the model's pictures; NotEnoughKnowledge for a table.
    """
    if population is None or len(population) == 0:
        grey = np.full(space.size, 0.5, dtype=np.float32)
        return Public(rows=grey[None][:0], mean=grey, spread=USUAL_SPREAD)
    if not isinstance(population.x, np.ndarray):
        raise NotEnoughKnowledge(
            "The adversary's own pictures came as a table of named columns.",
            way_out="Give them as an array, (n, height, width) or (n, pixels).",
        )
    rows = space.pictures(population.x).reshape(len(population), -1).astype(np.float32)
    mean = rows.mean(axis=0)
    spread = float(np.sqrt(((rows - mean) ** 2).mean())) if len(rows) > 1 else 0.0
    return Public(rows=rows, mean=mean, spread=spread or USUAL_SPREAD)


def smooth(space: ImageSpace, first: float, last: float) -> Prior:
    """Return a blur of the direction, from `first` to `last` pixels wide along the way.

    Neighbouring pixels of pictures agree; those of a gradient need not.
    """

    def prior(direction: Rows, _: Rows, done: float) -> Rows:
        return blurred(direction, space, first + (last - first) * done)

    return prior


def total_variation(space: ImageSpace, weight: float) -> Prior:
    """Return a pull towards even areas with sharp edges (Rudin, Osher & Fatemi 1992).

    Args:
        space: the pictures.
        weight: of the pull beside a direction of root mean square 1.
    """

    def prior(direction: Rows, rows: Rows, _: float) -> Rows:
        x = rows.reshape(len(rows), *space.shape)
        pull = np.zeros_like(x)
        for axis in (1, 2):
            step = np.diff(x, axis=axis)
            edge = step / np.sqrt(step**2 + 1e-4)
            front, back = [(0, 0)] * x.ndim, [(0, 0)] * x.ndim
            front[axis], back[axis] = (0, 1), (1, 0)
            pull += np.pad(edge, front) - np.pad(edge, back)
        return np.asarray(unit_rms(direction) + weight * pull.reshape(rows.shape), np.float32)

    return prior


def subspace(known: Public, parts: int) -> Prior:
    """Return a projection of the direction onto the first principal components of public pictures.

    Each component is weighed by how much public pictures vary along it (Haufe et al. 2014: what a
    linear model looks at becomes what the data look like through the data's covariance).
    """
    basis, variance = principal(known, parts)

    def prior(direction: Rows, _rows: Rows, _: float) -> Rows:
        return np.asarray((direction @ basis.T * variance) @ basis, dtype=np.float32)

    return prior


def leaning(known: Public, space: ImageSpace, share: float, width: float) -> Prior:
    """Return two estimates of a direction side by side: its blur, and its part in public pictures.

    The second keeps to what public pictures can show at all, stretched by the square root of how
    far they stray along each of their components: the whole covariance would leave nothing but
    broad shapes. The two err in different ways.

    Args:
        known: the public pictures, at least three.
        space: theirs.
        share: of the second, from 0 to 1.
        width: of the blur, in pixels.
    """
    basis, variance = principal(known, len(known.rows))
    stretch = variance**_LEANING

    def prior(direction: Rows, _rows: Rows, _: float) -> Rows:
        plain = unit_rms(blurred(direction, space, width))
        kept = unit_rms((direction @ basis.T * stretch) @ basis)
        return np.asarray((1 - share) * plain + share * kept, dtype=np.float32)

    return prior


def principal(known: Public, parts: int) -> tuple[Rows, Rows]:
    """Return (parts, size) directions in which public pictures vary, and (parts,) the variances.

    Raises: NotEnoughKnowledge with fewer than three pictures.
    """
    if len(known.rows) < 3:
        raise NotEnoughKnowledge(
            f"A subspace of public pictures was wanted and there are {len(known.rows)} of them.",
            way_out="Give the adversary pictures of other people, or take another prior.",
        )
    centred = known.rows - known.mean
    _, length, basis = np.linalg.svd(centred, full_matrices=False)
    parts = min(parts, len(known.rows) - 1)
    variance = length[:parts] ** 2 / len(known.rows)
    return basis[:parts].astype(np.float32), variance.astype(np.float32)


def broader(space: ImageSpace, share: float, width: float) -> Prior:
    """Return a direction with its broad shapes put forward: `share` of its own blur is added.

    Training explains broad differences first and then stops pulling at them, so that a gradient
    has less of them than the pictures.
    """

    def prior(direction: Rows, _rows: Rows, _: float) -> Rows:
        return np.asarray(direction + np.float32(share) * blurred(direction, space, width))

    return prior


def set_apart(power: float) -> Prior:
    """Return directions told apart by what all classes' directions have in common.

    The directions of one batch span what the model looks at. Along each of their own principal
    axes they are stretched by the variance there to `power`: below 0 what many classes share
    counts for less (a network's layers multiply it), above 0 for more (what regularised linear
    models divide out; Haufe et al. 2014, with the covariance taken from the weights themselves).
    """

    def prior(direction: Rows, _rows: Rows, _: float) -> Rows:
        if len(direction) < 3:
            return direction
        clean = np.where(np.isfinite(direction), direction, np.float32(0))
        clean = clean - clean.mean(axis=0)
        variance, axes = np.linalg.eigh(clean @ clean.T)
        there = variance > _FLAT * max(float(variance[-1]), 1e-30)
        stretch = np.where(there, np.where(there, variance, 1) ** power, 0)
        return np.asarray((axes * stretch) @ axes.T @ clean, dtype=np.float32)

    return prior


def combined(priors: Sequence[Prior]) -> Prior:
    """Return one prior that applies all in turn."""

    def prior(direction: Rows, rows: Rows, done: float) -> Rows:
        for one in priors:
            direction = one(direction, rows, done)
        return direction

    return prior


def blurred(rows: Rows, space: ImageSpace, width: float) -> Rows:
    """Return pictures, or directions, under a Gaussian blur of `width` pixels; borders mirror."""
    if width <= 0:
        return rows
    from scipy.ndimage import gaussian_filter1d

    # A blur is linear: as two products of matrices it takes a tenth of the time.
    down, right = (
        gaussian_filter1d(np.eye(side, dtype=np.float32), width, axis=0, truncate=3.0)
        for side in space.shape[:2]
    )
    x = np.asarray(rows, dtype=np.float32).reshape(len(rows), space.shape[0], -1)
    x = np.matmul(down, x)
    if len(space.shape) == 2:
        return np.asarray((x @ right.T).reshape(rows.shape))
    return np.asarray(np.matmul(right, x.reshape(len(rows), *space.shape)).reshape(rows.shape))


def moved(rows: Rows, space: ImageSpace, by: Ints) -> Rows:
    """Return pictures moved by (down, right) pixels; the border is repeated."""
    x = rows.reshape(len(rows), *space.shape)
    down = np.clip(np.arange(space.shape[0]) - by[0], 0, space.shape[0] - 1)
    right = np.clip(np.arange(space.shape[1]) - by[1], 0, space.shape[1] - 1)
    return np.asarray(x[:, down][:, :, right].reshape(rows.shape))


def unit_rms(rows: Rows) -> Rows:
    """Return rows of root mean square 1; a row of zeros, or of what is no number, is zeros."""
    clean = np.where(np.isfinite(rows), rows, np.float32(0))
    length = np.sqrt(np.einsum("ij,ij->i", clean, clean) / clean.shape[1])[:, None]
    return np.asarray(clean / np.where(length > 0, length, 1), dtype=np.float32)


def as_pictures(rows: Rows, space: ImageSpace) -> Floats:
    """Return (m, *shape) pictures in [0, 1]."""
    return np.clip(rows.astype(np.float64), 0, 1).reshape(len(rows), *space.shape)
