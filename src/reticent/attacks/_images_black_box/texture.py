"""What pictures look like before anything is known of a person: a mean and a spectrum."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from reticent.core import BadInput, Floats, ImageSpace, Ints

SMOOTH = 3.0  # pixels over which the spread is smoothed: no single picture stands out of it
LEAST_SPREAD = 0.2  # of the usual one: a spot that never varies in public may vary in private


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Texture:
    """A Gaussian over pictures that knows how faces vary, and no face.

    A picture is mean + spread * cosines; each cosine's variance comes from a smooth curve through
    the public pictures' spectrum. Nothing but the mean, the smoothed spread and that curve is kept
    of them, so a person among them gives no picture away.

    Attributes:
        space: what pictures look like.
        mean: (size,) the public mean, values in [0, 1].
        spread: (size,) how much each pixel varies, root mean square 1.
        index: (k,) which cosines, the most varying first.
        deviation: (k,) standard deviation of each.
        radius: the usual distance of a public picture from the mean.
    """

    space: ImageSpace
    mean: Floats
    spread: Floats
    index: Ints
    deviation: Floats
    radius: float

    def __len__(self) -> int:
        return len(self.index)

    def decode(self, modes: Floats) -> Floats:
        """Return (n, size) pictures for (n, k') amplitudes of the first k' cosines; not clipped."""
        filled = np.zeros((len(modes), self.space.size))
        filled[:, self.index[: modes.shape[1]]] = modes
        waves = idctn(filled.reshape(-1, *self.space.shape), axes=(1, 2), norm="ortho")
        return np.asarray(self.mean + self.spread * waves.reshape(len(modes), -1))

    def encode(self, pictures: Floats) -> Floats:
        """Return (n, k) amplitudes of (n, size) pictures in [0, 1]."""
        return _cosines((pictures - self.mean) / self.spread, self.space)[:, self.index]

    def pull(self, gradients: Floats) -> Floats:
        """Return (n, k) gradients by amplitude for (n, size) gradients by pixel in [0, 1]."""
        return _cosines(gradients * self.spread, self.space)[:, self.index]

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Return (n, k) amplitudes of pictures that look like public ones."""
        return rng.standard_normal((n, len(self))) * self.deviation


def fit_texture(public: Floats, space: ImageSpace, most: int) -> Texture:
    """Return the texture of (n, *shape) public pictures in [0, 1], with at most `most` cosines.

    Raises: BadInput for fewer than two pictures, or pictures that are all alike.
    """
    rows = public.reshape(len(public), -1)
    if len(rows) < 2 or not np.ptp(rows, axis=0).any():
        raise BadInput(
            f"{len(rows)} public pictures show no variation.",
            way_out="Give the adversary two or more different pictures.",
        )
    mean = rows.mean(axis=0)
    blur = (SMOOTH, SMOOTH, 0)[: len(space.shape)]
    variance = gaussian_filter(rows.var(axis=0).reshape(space.shape), blur)
    relative = np.sqrt(variance / variance.mean())
    spread = np.maximum(relative, LEAST_SPREAD).ravel()
    power = np.mean(_cosines((rows - mean) / spread, space) ** 2, axis=0)
    smooth = _curve(power.reshape(space.shape))
    index = np.argsort(-smooth.ravel(), kind="stable")[: min(most, space.size)]
    deviation = np.sqrt(smooth.ravel()[index])
    return Texture(
        space=space,
        mean=mean,
        spread=spread,
        index=index.astype(np.int64),
        deviation=deviation,
        radius=float(np.sqrt(np.mean(np.sum((rows - mean) ** 2, axis=1)))),
    )


def _curve(power: Floats) -> Floats:
    """Return the spectrum as a smooth curve of frequency: a cubic in logarithms."""
    h, w = power.shape[:2]
    frequency = np.hypot(np.arange(h)[:, None] / h, np.arange(w) / w)
    if power.ndim == 3:
        frequency = np.repeat(frequency[:, :, None], power.shape[2], axis=2)
    known = (frequency > 0) & (power > 0)
    if known.sum() < 8:
        return np.asarray(power + power.mean())
    x, y = np.log(frequency[known] + 0.01), np.log(power[known])
    fitted = np.polynomial.Polynomial.fit(x, y, 3, w=1 / (frequency[known] + 0.005))
    smooth: Floats = np.exp(np.clip(fitted(np.log(frequency + 0.01)), y.min(), y.max()))
    return smooth


def _cosines(rows: Floats, space: ImageSpace) -> Floats:
    waves = dctn(rows.reshape(-1, *space.shape), axes=(1, 2), norm="ortho")
    return np.asarray(waves.reshape(len(rows), -1), dtype=np.float64)
