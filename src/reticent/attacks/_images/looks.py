"""Where pictures in the making start, and the ways of looking at them."""

from collections.abc import Sequence

import numpy as np

from reticent.attacks._images.climb import View, seen_through
from reticent.attacks._images.gradient import Gradient, Rows
from reticent.attacks._images.priors import Public, blurred
from reticent.core import Floats, ImageSpace, Ints

MOST_MOVED = 2  # pixels that a view is moved, on pictures of 100; in proportion on others
VARIED = np.float32(1.5)  # how far public pictures are taken beyond the mean to look through them


def looks(known: Public, space: ImageSpace, count: int, rng: np.random.Generator) -> list[View]:
    """Return so many views: the plain one, then public pictures' differences, moved a little.

    Without public pictures smooth noise, as strong as pictures differ, stands for them.
    """
    still = np.zeros(2, dtype=np.int64)
    found = [View(added=np.zeros(space.size, dtype=np.float32), by=still)]
    most = round(MOST_MOVED * max(space.shape[:2]) / 100)
    for _ in range(count - 1):
        by = rng.integers(-most, most + 1, size=2)
        if len(known.rows) > 1:
            added = VARIED * (known.rows[rng.integers(len(known.rows))] - known.mean)
        else:
            noise = rng.standard_normal((1, space.size)).astype(np.float32)
            added = blurred(noise, space, max(space.shape[:2]) / 16)[0]
            added *= known.spread / max(float(added.std()), 1e-6)
        found.append(View(added=added, by=by))
    return found


def starts(known: Public, space: ImageSpace, restarts: int, rng: np.random.Generator) -> list[Rows]:
    """Return starting points (size,): the public mean, then other pictures near it."""
    found = [known.mean]
    width = max(space.shape[:2]) / 25
    for _ in range(restarts - 1):
        if len(known.rows) > 3:
            some = known.rows[rng.choice(len(known.rows), size=3, replace=False)]
            found.append(blurred(some.mean(axis=0, keepdims=True), space, width)[0])
        else:
            noise = rng.standard_normal((1, space.size)).astype(np.float32)
            far = blurred(noise, space, width)[0]
            far *= known.spread / 2 / max(float(far.std()), 1e-6)
            found.append(np.clip(known.mean + far, 0, 1).astype(np.float32))
    return found


def confidence(
    model: Gradient, rows: Rows, y: Ints, views: Sequence[View], space: ImageSpace
) -> Floats:
    """Return (m,) the share of views in which the model takes the picture for the wanted class.

    The probability tells ties apart and counts for less than one view.
    """
    hits = np.zeros(len(rows))
    for view in views:
        logits, _ = model.forward(seen_through(rows, view, space))
        logits = np.nan_to_num(logits)
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e[np.arange(len(y)), y] / e.sum(axis=1)
        hits += (logits.argmax(axis=1) == y) + p / (2 * len(views))
    return np.asarray(hits / (len(views) + 0.5))
