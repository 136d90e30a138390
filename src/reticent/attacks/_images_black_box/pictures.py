"""From a linear copy of a classifier to pictures."""

from itertools import pairwise

import numpy as np

from reticent.attacks._images_black_box.linear import Linear
from reticent.attacks._images_black_box.texture import Texture
from reticent.core import Floats, Ints

MOST_SMOOTHING = 2.0
BANDS = 12


def smoothing(templates: Floats, deviation: Floats) -> float:
    """Return the power p for which templates * deviation^p vary over cosines as pictures do.

    A classifier stopped early has templates that look like its photos (p near 0); one trained to
    the end sharpens them. The public spectrum says which; no confidence is looked at.
    """
    k = len(deviation)
    edges = np.unique(np.geomspace(1, k, min(BANDS, k) + 1).astype(int))
    if len(edges) < 4:
        return 0.0
    bands = list(pairwise(edges.tolist()))
    power = np.array([np.mean(templates[:, a:b] ** 2) for a, b in bands])
    usual = np.array([np.mean(deviation[a:b] ** 2) for a, b in bands])
    x, y = np.log(usual), np.log(np.maximum(power, 1e-300))
    slope = np.cov(x, y)[0, 1] / max(float(np.var(x, ddof=1)), 1e-12)
    return float(np.clip(1 - slope, 0.0, MOST_SMOOTHING))


def pictures_of(
    copy: Linear, wanted: Ints, texture: Texture, *, reach: float, smooth: float | None = None
) -> tuple[Floats, float]:
    """Return (m, *shape) pictures in [0, 1] of the wanted classes, and the smoothing taken.

    Each is the public mean and the class's template against the average one, `reach` of the usual
    distance from the mean.
    """
    w = copy.weights - copy.weights.mean(axis=1, keepdims=True)
    k = len(w)
    templates = w[:, wanted].T
    deviation = texture.deviation[:k]
    taken = smoothing(templates, deviation) if smooth is None else smooth
    return pictures_along(templates * deviation**taken, texture, reach=reach), taken


def pictures_along(modes: Floats, texture: Texture, *, reach: float) -> Floats:
    """Return (m, *shape) pictures in [0, 1]: from the public mean along amplitudes (m, k).

    Each is `reach` of the usual distance away; the mean itself where there is no direction.
    """
    away = texture.decode(modes) - texture.mean
    length = np.linalg.norm(away, axis=1, keepdims=True)
    step = np.divide(reach * texture.radius, length, out=np.zeros_like(length), where=length > 0)
    x = np.clip(texture.mean + step * away, 0, 1)
    return np.asarray(x.reshape(len(modes), *texture.space.shape))
