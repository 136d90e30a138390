"""What a network's inner layers pull at, read as pictures.

A gradient by the pixels has come back through every layer, by each layer's weights: it says what
the network listens to, not what it hears, and every convolution leaves its own noise on it. A
gradient by an inner layer's maps has come through fewer. What a picture with such maps looks like
is learned from public pictures: a linear reading of each neighbourhood of the maps as a patch of
the picture, the same everywhere, that takes the maps to be mostly noise, as a gradient is (the
patterns of Haufe et al. 2014 and Kindermans et al. 2018, for neighbourhoods in place of neurons).
Readings at several depths err in different ways, and none as the pixels do.

Sources: Haufe et al. 2014, https://doi.org/10.1016/j.neuroimage.2013.10.067; Kindermans et al.
2018, Learning how to explain neural networks, https://arxiv.org/abs/1705.05598.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from reticent.attacks._images.climb import View
from reticent.attacks._images.gradient import Maps, Rows
from reticent.attacks._images.losses import Loss
from reticent.attacks._images.priors import Public, moved, unit_rms
from reticent.core import ImageSpace, Ints

LEAST = 0.5  # cosine of a public picture, less the mean, with what a layer tells of it
FEWEST = 30  # public pictures: fewer teach no reading
DOUBT = 3.0  # how much more noise than signal a reading takes its maps to hold
_NEAR = 8  # pixels to each side that a neighbourhood reaches out, on pictures of 100
_MOST_INPUTS = 1200  # numbers in a neighbourhood
_EXAMPLES = 40_000  # neighbourhoods that a reading is learned from
_BATCH = 50  # pictures at a time
_AT_ONCE = 8  # pictures read at a time
_LEAST_NEAR = 3
_HALVES = ((0, 0), (1, 0), (0, 1), (1, 1))  # half cells that public pictures are moved by
_FAINTEST = 1e-12


@runtime_checkable
class Layered(Protocol):
    """A model whose inner layers can be looked at."""

    def layers(self, rows: Rows) -> Sequence[str]:
        """Return the names of layers that keep the plane of such pictures, first to last."""
        ...

    def maps(self, rows: Rows, names: Sequence[str]) -> list[Maps]:
        """Return what pictures make of each named layer, (n, channels, height, width)."""
        ...

    def slopes(self, rows: Rows, names: Sequence[str], loss: Loss, y: Ints) -> list[Maps]:
        """Return how the loss changes with what each named layer holds, likewise."""
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reading:
    """A linear map from a neighbourhood of maps to a patch of the picture around its middle.

    Attributes:
        weights: (channels x near^2, colours x side^2).
        near: cells of a neighbourhood's side, odd.
        stride: pixels from one cell to the next.
        side: pixels of a patch's side, at least `stride`.
        usual: (c, h, w) what public pictures make of the layer on the mean.
        space: the pictures.
    """

    weights: Rows
    near: int
    stride: int
    side: int
    usual: Maps
    space: ImageSpace

    def __call__(self, maps: Maps) -> Rows:
        """Return (n, size) what maps, or directions in them, look like."""
        found = []
        for start in range(0, len(maps), _AT_ONCE):  # neighbourhoods are many times their maps
            around = _around(maps[start : start + _AT_ONCE], self.near)
            patches = around.reshape(*around.shape[:3], -1) @ self.weights
            found.append(_joined(patches, self.stride, self.side, self.space))
        return np.concatenate(found)


def readable(model: Layered, known: Public) -> list[str]:
    """Return the layers that public pictures can teach to read: none with fewer than `FEWEST`."""
    return list(model.layers(known.mean[None])) if len(known.rows) >= FEWEST else []


def learned_reading(
    model: Layered, name: str, known: Public, space: ImageSpace, doubt: float = DOUBT
) -> Reading:
    """Return how a layer's maps are read, by ridge regression on public pictures.

    Args:
        model: what is attacked.
        name: of the layer.
        known: the public pictures; each is also shown moved by half a cell.
        space: theirs.
        doubt: noise in the maps over what public pictures put there, both mean squares: the
            weight of the ridge.
    """
    usual = _mean_maps(model, name, known)
    cells = usual.shape[1:]
    stride = max(round(space.shape[0] / cells[0]), 1)
    reach = _NEAR * max(space.shape[:2]) / 100
    near = 2 * max(round(reach / stride), 1) + 1
    while near > _LEAST_NEAR and usual.shape[0] * near**2 > _MOST_INPUTS:
        near -= 2
    side = max(2 * stride, 2 * round(reach / 2))
    inputs, outputs = usual.shape[0] * near**2, side**2 * space.size // math.prod(space.shape[:2])
    every = max(len(_HALVES) * len(known.rows) * math.prod(cells) // _EXAMPLES, 1)
    gram = np.zeros((inputs, inputs), dtype=np.float32)
    both = np.zeros((inputs, outputs), dtype=np.float32)
    for rows in _shown(known, space, stride // 2):
        (maps,) = model.maps(rows, [name])
        x = _some(_around(maps - usual, near), every)
        gram += x.T @ x
        both += x.T @ _some(_patches(rows - known.mean, cells, stride, side, space), every)
    ridge = np.float32(max(doubt * float(np.trace(gram)) / inputs, _FAINTEST))
    weights = np.linalg.solve(gram + ridge * np.eye(inputs, dtype=np.float32), both)
    return Reading(
        weights=weights.astype(np.float32),
        near=near,
        stride=stride,
        side=side,
        usual=usual,
        space=space,
    )


def turned(end: Rows, start: Rows, found: Sequence[Rows], share: float) -> Rows:
    """Return pictures turned towards what layers would have them be, as far from the start as ever.

    Args:
        end: (m, size) where the pixels' gradients led, in [0, 1].
        start: (size,) or (m, size) where they set out.
        found: from `readings`.
        share: of each layer beside the pixels' 1.
    """
    way = end - start
    far = np.sqrt(np.mean(way**2, axis=1, keepdims=True))
    ahead = unit_rms(way) + np.float32(share) * np.sum(found, axis=0)
    return np.asarray(np.clip(start + far * unit_rms(ahead), 0, 1), dtype=np.float32)


def readings(
    model: Layered,
    names: Sequence[str],
    loss: Loss,
    rows: Rows,
    y: Ints,
    views: Sequence[View],
    known: Public,
    space: ImageSpace,
) -> list[Rows]:
    """Return, for each layer, where it would have the pictures go: (m, size), root mean square 1.

    Layers that do not show what is in a picture are left out.

    Args:
        model: what is attacked.
        names: the layers.
        loss: to go down on.
        rows: (m, size) the pictures as far as they are.
        y: (m,) the wanted class of each.
        views: averaged over; that they move a picture is left out, for maps cannot be moved back
            by parts of a cell.
        known: public pictures, `FEWEST` or more.
        space: theirs.
    """
    total: list[Maps] = []
    for view in views:
        seen = np.clip(rows + view.added, 0, 1)
        # One view's NaN must not blind the others.
        clean = [
            np.where(np.isfinite(slope), slope, np.float32(0))
            for slope in model.slopes(seen, names, loss, y)
        ]
        total = [a + b for a, b in zip(total, clean, strict=True)] if total else clean
    found = []
    for name, slope in zip(names, total, strict=True):
        reading = learned_reading(model, name, known, space)
        if shown(reading, model, name, known) >= LEAST:
            found.append(unit_rms(reading(-slope)))
    return found


def shown(reading: Reading, model: Layered, name: str, known: Public) -> float:
    """Return how much of public pictures a layer shows: the mean cosine with what is read of them.

    Axes that are no plane, such as a transformer's attention, show little.
    """
    some = known.rows[:: max(len(known.rows) // _BATCH, 1)]
    (maps,) = model.maps(some, [name])
    read, away = reading(maps - reading.usual), some - known.mean
    return float(np.mean(np.sum(unit_rms(read) * unit_rms(away), axis=1)) / away.shape[1])


def _mean_maps(model: Layered, name: str, known: Public) -> Maps:
    """Return what public pictures make of a layer on the mean, (c, h, w)."""
    of_batches = [
        model.maps(known.rows[start : start + _BATCH], [name])[0].sum(axis=0)
        for start in range(0, len(known.rows), _BATCH)
    ]
    return np.asarray(np.sum(of_batches, axis=0) / len(known.rows), dtype=np.float32)


def _shown(known: Public, space: ImageSpace, half: int) -> Iterator[Rows]:
    """Yield batches of the public pictures, where they are and moved by half a cell."""
    for by in _HALVES:
        for start in range(0, len(known.rows), _BATCH):
            yield moved(known.rows[start : start + _BATCH], space, half * np.array(by))


def _some(cells: Rows, every: int) -> Rows:
    """Return (m, d) what is in one cell of so many, of (n, h, w, ...)."""
    at = np.unravel_index(np.arange(0, math.prod(cells.shape[:3]), every), cells.shape[:3])
    return cells[at].reshape(len(at[0]), -1)


def _around(maps: Maps, near: int) -> Rows:
    """Return (n, h, w, c, near, near) the neighbourhood of each cell; the border is repeated."""
    r = near // 2
    wide = np.pad(maps, ((0, 0), (0, 0), (r, r), (r, r)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (near, near), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5)


def _patches(rows: Rows, cells: tuple[int, ...], stride: int, side: int, space: ImageSpace) -> Rows:
    """Return (n, h, w, colours, side, side) the patch around each cell; the border is repeated."""
    x = rows.reshape(len(rows), *space.shape[:2], -1)
    before = (side - stride) // 2
    after = [
        max(stride * (n - 1) + side - before - size, 0)
        for n, size in zip(cells, space.shape[:2], strict=True)
    ]
    wide = np.pad(x, ((0, 0), (before, after[0]), (before, after[1]), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (side, side), axis=(1, 2))
    return windows[:, ::stride, ::stride][:, : cells[0], : cells[1]]


def _joined(patches: Rows, stride: int, side: int, space: ImageSpace) -> Rows:
    """Return (n, size) pictures of overlapping patches, (n, h, w, colours x side^2).

    Each counts most at its middle.
    """
    n, h, w = patches.shape[:3]
    cells = patches.reshape(n, h, w, -1, side, side)
    fading = np.hanning(side + 2)[1:-1].astype(np.float32)
    weight = np.outer(fading, fading)
    before = (side - stride) // 2
    tall, broad = (
        max(stride * (k - 1) + side, before + s)
        for k, s in zip((h, w), space.shape[:2], strict=True)
    )
    total = np.zeros((n, cells.shape[3], tall, broad), dtype=np.float32)
    count = np.zeros((tall, broad), dtype=np.float32)
    for down in range(side):
        for right in range(side):
            at = (
                slice(down, down + stride * (h - 1) + 1, stride),
                slice(right, right + stride * (w - 1) + 1, stride),
            )
            total[:, :, at[0], at[1]] += weight[down, right] * cells[..., down, right].transpose(
                0, 3, 1, 2
            )
            count[at] += weight[down, right]
    total /= np.maximum(count, np.float32(1e-9))
    shown = total[:, :, before : before + space.shape[0], before : before + space.shape[1]]
    return shown.transpose(0, 2, 3, 1).reshape(n, -1)
