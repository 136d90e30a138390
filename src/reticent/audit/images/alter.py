"""Photos as a reconstruction might show them, for judges to learn from."""

import numpy as np

from reticent.core import Floats, Ints


def copies_of(
    images: Floats, who: Ints, copies: int, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """Return pictures and `copies` altered ones of each, with who is on them.

    Args:
        images: (n, height, width).
        who: (n,).
        copies: altered pictures of each.
        rng: see `altered`.
    """
    x = np.concatenate([images, *(altered(images, rng) for _ in range(copies))])
    return x, np.tile(who, copies + 1)


def altered(images: Floats, rng: np.random.Generator) -> Floats:
    """Return pictures as a reconstruction might show them: moved, turned, blurred, relit, noisy.

    Args:
        images: (m, height, width).
        rng: draws what happens to each.
    """
    from scipy.ndimage import affine_transform, gaussian_filter  # slow to import

    out = np.empty_like(images)
    size = np.array(images.shape[1:])
    for i, image in enumerate(images):
        angle, zoom = rng.normal(0, 0.07), np.exp(rng.normal(0, 0.05))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
        middle = (size - 1) / 2
        offset = middle - turn @ (middle + rng.normal(0, 0.03, 2) * size)
        moved = affine_transform(image, turn, offset, order=1, mode="nearest")
        blurred = gaussian_filter(moved, rng.uniform(0, 0.03) * size.min())
        lit = np.linspace(-1, 1, size[1])[None, :] * rng.normal(0, 0.08)
        lit = lit + np.linspace(-1, 1, size[0])[:, None] * rng.normal(0, 0.05)
        curve = np.clip(blurred, 0, 1) ** np.exp(rng.normal(0, 0.3))
        out[i] = curve + lit + rng.normal(0, rng.uniform(0, 0.05), image.shape)
    return out
