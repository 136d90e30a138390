"""Pictures as fine and as coarse as public ones: the power that each fineness has."""

import numpy as np
from scipy.fft import dctn, idctn

from reticent.attacks._images.gradient import Rows
from reticent.attacks._images.priors import Public
from reticent.core import Floats, ImageSpace, Ints

BANDS = 14
COARSEST = 0.02  # in waves a picture's side times its pixels, half of it; below is one band
LEAST = 4  # public pictures
_FAINTEST = 1e-12


def shaped(rows: Rows, known: Public, space: ImageSpace, power: float) -> Rows:
    """Return pictures whose differences to the public mean vary on each scale as public ones do.

    Gradients of networks are strongest on scales of a few pixels, where faces have little; what
    the batch has too much of on a scale, all its pictures lose alike, and gain where it has too
    little. The usual public picture is the median one. With fewer than four nothing is changed.

    Args:
        rows: (m, size) in [0, 1].
        known: public pictures.
        space: theirs.
        power: 1 to match them, less for part of the way, 0 for none.
    """
    if power == 0 or len(known.rows) < LEAST or not len(rows):
        return rows
    band = bands(space)
    away = rows - known.mean
    usual = np.median(powers(known.rows - known.mean, space, band), axis=0)
    found = powers(away, space, band).mean(axis=0)
    there = found > _FAINTEST
    gain = np.where(there, (usual / np.where(there, found, 1)) ** (power / 2), 0)
    waves = dctn(away.reshape(-1, *space.shape), axes=(1, 2), norm="ortho") * gain[band]
    back = idctn(waves, axes=(1, 2), norm="ortho").reshape(len(rows), -1)
    return np.clip(known.mean + back, 0, 1).astype(np.float32)


def bands(space: ImageSpace) -> Ints:
    """Return (*shape) the band of each cosine, from coarse (0) to fine; colours share theirs."""
    h, w = space.shape[:2]
    frequency = np.hypot(np.arange(h)[:, None] / h, np.arange(w) / w)
    edges = np.geomspace(COARSEST, 1.5, BANDS)
    band = np.searchsorted(edges, frequency, side="right")
    _, packed = np.unique(band, return_inverse=True)  # small pictures have no coarse bands
    packed = packed.reshape(h, w)
    return (
        packed if len(space.shape) == 2 else np.repeat(packed[:, :, None], space.shape[2], axis=2)
    )


def powers(away: Rows, space: ImageSpace, band: Ints) -> Floats:
    """Return (n, bands) the mean square of the cosines of each band."""
    waves = dctn(away.reshape(-1, *space.shape), axes=(1, 2), norm="ortho") ** 2
    flat, place = waves.reshape(len(away), -1), band.ravel()
    count = np.bincount(place)
    return np.stack([np.bincount(place, one, len(count)) for one in flat]) / count
