"""Pictures as numbers: grey, another size, one light and contrast for all."""

import numpy as np

from reticent.core import Floats

# Luma of Rec. 601, as Pillow and most face data sets use it.
_LUMA = np.array([0.299, 0.587, 0.114])


def grey(images: Floats) -> Floats:
    """Return (m, height, width) for pictures that are grey already or have three channels."""
    return np.asarray(images @ _LUMA) if images.ndim == 4 else images


def coloured(images: Floats) -> Floats:
    """Return (m, height, width, 3) for pictures that are grey or have three channels already."""
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=-1)


def resized(images: Floats, shape: tuple[int, int]) -> Floats:
    """Return pictures of another height and width, anti-aliased.

    Args:
        images: (m, height, width) or (m, height, width, 3).
        shape: height and width wanted.
    """
    down, across = mixing(images.shape[1], shape[0]), mixing(images.shape[2], shape[1])
    narrow = np.einsum("cd,mbd...->mbc...", across, images)
    return np.asarray(np.einsum("ab,mb...->ma...", down, narrow), dtype=np.float64)


def even(images: Floats) -> Floats:
    """Return pictures (m, height, width) with mean 0 and standard deviation 1 each.

    A picture without any contrast becomes 0 everywhere, and so does one with values that are no
    numbers.
    """
    flat = np.where(np.isfinite(images), images, 0.0).reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    spread = flat.std(axis=1, keepdims=True)
    scaled = np.divide(flat, spread, out=np.zeros_like(flat), where=spread > 1e-6)
    return np.asarray(scaled.reshape(images.shape), dtype=np.float64)


def mixing(had: int, wants: int) -> Floats:
    """Return (wants, had): each wanted pixel as weights over the pixels there are.

    A triangle as wide as the coarser of the two grids: linear interpolation when growing, area
    averaging when shrinking.
    """
    scale = had / wants
    centre = (np.arange(wants) + 0.5) * scale - 0.5
    reach = max(scale, 1.0)
    weight = np.maximum(0.0, 1 - np.abs(centre[:, None] - np.arange(had)[None, :]) / reach)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float64)
