"""Pictures drawn again from pieces of public ones: place by place, what most resembles them there.

A hundred public faces span few whole faces and very many faces made of parts. Every piece of a
picture is replaced by a combination of those public pieces, from about the same place, that are
most like it; pieces overlap and are blended. What no public picture shows anywhere near is noise
more often than not, so the noise goes, and so do some of a person's own traits: hence `share`.

Source: position patches, Ma, Zhang and Qi 2010, Hallucinating face by position-patch,
https://doi.org/10.1016/j.patcog.2009.12.019; here on differences to the public mean.
"""

from collections.abc import Iterator

import numpy as np

from reticent.attacks._images.gradient import Rows
from reticent.attacks._images.priors import Public
from reticent.core import Floats, ImageSpace

FEWEST = 30  # public pictures: fewer have no piece for most places
_SIDE = 0.32  # of a piece, in sides of the picture
_SEARCH = 0.02  # how far around its place pieces are looked for, likewise
_MOST_PUBLIC = 400  # pictures that pieces are taken from
_NEAREST = 30  # pieces combined
_RIDGE = 0.1  # beside the mean square of a piece
_MOST_GAIN = 3.0
_SMALLEST = 4  # pixels of a piece's side


def redrawn(rows: Rows, known: Public, space: ImageSpace, share: float) -> Rows:
    """Return pictures of which `share` is drawn again from pieces of public ones: (m, size).

    Args:
        rows: (m, size) in [0, 1].
        known: public pictures; with fewer than `FEWEST` nothing is changed.
        space: theirs.
        share: from 0 to 1.
    """
    side = round(_SIDE * max(space.shape[:2]))
    if not share or len(known.rows) < FEWEST or not len(rows) or side < _SMALLEST:
        return rows
    shape = (*space.shape[:2], -1)
    away = (rows - known.mean).reshape(len(rows), *shape)
    public = known.rows[:: max(len(known.rows) // _MOST_PUBLIC, 1)] - known.mean
    pieces = public.reshape(len(public), *shape)
    fading = np.hanning(side + 2)[1:-1].astype(np.float32)
    weight = np.outer(fading, fading)[:, :, None]
    total, count = np.zeros_like(away), np.zeros((*space.shape[:2], 1), dtype=np.float32)
    search = round(_SEARCH * max(space.shape[:2]))
    for down, right, tall, wide in _places(space, side):
        at = (slice(down, down + tall), slice(right, right + wide))
        wanted = away[:, *at].reshape(len(rows), -1)
        near = np.concatenate(
            [
                pieces[:, y : y + tall, x : x + wide].reshape(len(pieces), -1)
                for y in _around(down, search, space.shape[0] - tall)
                for x in _around(right, search, space.shape[1] - wide)
            ]
        )
        drawn = _combined(wanted, near).reshape(len(rows), tall, wide, -1)
        total[:, *at] += weight[:tall, :wide] * drawn
        count[at] += weight[:tall, :wide]
    again = known.mean + (total / count).reshape(len(rows), -1)
    return np.clip((1 - share) * rows + share * again, 0, 1).astype(np.float32)


def _places(space: ImageSpace, side: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (down, right, height, width) of pieces that cover a picture three times each way."""
    step = max(side // 3, 1)
    tall, wide = (min(side, most) for most in space.shape[:2])
    rests = (space.shape[0] - tall, space.shape[1] - wide)
    starts = [sorted({*range(0, rest + 1, step), rest}) for rest in rests]
    for down in starts[0]:
        for right in starts[1]:
            yield down, right, tall, wide


def _around(place: int, search: int, most: int) -> list[int]:
    """Return places around one, inside of the picture, each once."""
    return sorted({min(max(place + by, 0), most) for by in (-search, 0, search)})


def _combined(wanted: Rows, near: Rows) -> Rows:
    """Return each wanted piece as a ridge combination of the pieces most like it: (m, d).

    A combination is made as strong as the piece that it stands for, up to a gain of three: a ridge
    shrinks.
    """
    alike = np.abs(_unit(wanted) @ _unit(near).T)
    most = min(_NEAREST, len(near))
    best = np.argpartition(-alike, most - 1, axis=1)[:, :most]
    chosen = near[best]  # (m, k, d)
    gram = np.matmul(chosen, chosen.transpose(0, 2, 1))
    ridge = _RIDGE * np.trace(gram, axis1=1, axis2=2) / most + 1e-9
    gram += ridge[:, None, None] * np.eye(most, dtype=np.float32)
    shares = np.linalg.solve(gram, np.matmul(chosen, wanted[:, :, None]))
    found = np.matmul(shares.transpose(0, 2, 1), chosen)[:, 0]
    gain = _strength(wanted) / np.maximum(_strength(found), 1e-9)
    return np.asarray(found * np.minimum(gain, _MOST_GAIN), dtype=np.float32)


def _unit(rows: Rows) -> Rows:
    return np.asarray(rows / np.maximum(_strength(rows), 1e-9), dtype=np.float32)


def _strength(rows: Rows) -> Floats:
    return np.asarray(np.linalg.norm(rows, axis=1, keepdims=True))
