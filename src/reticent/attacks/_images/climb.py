"""Downhill in pictures: all wanted classes in one batch, averaged over many views of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reticent.attacks._images.gradient import Gradient, Rows
from reticent.attacks._images.losses import Loss
from reticent.attacks._images.priors import Prior, moved, unit_rms
from reticent.core import Bools, Floats, ImageSpace, Ints

TURNED = 0.0  # a direction at more than a right angle to the way so far undoes it


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class View:
    """One way of looking at a picture in the making.

    Attributes:
        added: (size,) what is added before the model looks: another person's difference to the
            mean, so that what is found holds for real faces and not for one flat point alone.
        by: (2,) pixels down and right that the picture is moved.
    """

    added: Rows
    by: Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class End:
    """Where m pictures ended up.

    Attributes:
        rows: (m, size) in [0, 1].
        logits: (m, k) of the pictures before the last step, plain view.
        steps: gradient steps that were taken, for each picture.
        turned: (m,) whether it stopped because the direction turned back.
        blind: (m,) steps in which no usable gradient came (NaN, or zero everywhere).
    """

    rows: Rows
    logits: Floats
    steps: Ints
    turned: Bools
    blind: Ints


def climb(
    model: Gradient,
    loss: Loss,
    prior: Prior,
    start: Rows,
    y: Ints,
    views: Sequence[View],
    space: ImageSpace,
    *,
    steps: int,
    reach: float,
) -> End:
    """Return the pictures that lie downhill from `start`.

    Every step has the same length, reach / steps root mean square: the size of a gradient says
    how sure the model is, and a sure model has none. A picture stops where the next direction
    leads back; being classified with confidence is no reason to stop, nor to go on.

    Args:
        model: what is attacked.
        loss: to go down on.
        prior: makes a direction of a gradient.
        start: (m, size) pictures in [0, 1].
        y: (m,) the wanted class of each.
        views: at least one; their gradients are averaged.
        space: the pictures.
        steps: at most.
        reach: how far to go in all.
    """
    m = len(start)
    rows, way = start.astype(np.float32), np.zeros(start.shape, dtype=np.float32)
    taken, blind = np.zeros(m, dtype=np.int64), np.zeros(m, dtype=np.int64)
    moving, turned = np.ones(m, dtype=bool), np.zeros(m, dtype=bool)
    logits = np.zeros((m, 0))
    for step in range(steps):
        there = np.flatnonzero(moving)
        if len(there) == 0:
            break
        told, slope = _slope(model, loss, rows[there], y[there], views, space)
        if logits.shape[1] == 0:
            logits = np.zeros((m, told.shape[1]))
        logits[there] = told
        done = step / max(steps - 1, 1)
        ahead = unit_rms(prior(-slope, rows[there], done))
        sees = ahead.any(axis=1)
        blind[there[~sees]] += 1
        back = np.einsum("ij,ij->i", ahead, way[there]) < TURNED
        turned[there[back]] = True
        moving[there[back | ~sees]] = False
        go = sees & ~back
        on = there[go]
        way[on] += ahead[go]
        rows[on] = np.clip(rows[on] + np.float32(reach / steps) * ahead[go], 0, 1)
        taken[on] += 1
    return End(rows=rows, logits=logits, steps=taken, turned=turned, blind=blind)


def _slope(
    model: Gradient, loss: Loss, rows: Rows, y: Ints, views: Sequence[View], space: ImageSpace
) -> tuple[Floats, Rows]:
    """Return the logits of the first view and the gradient averaged over all of them."""
    total = np.zeros(rows.shape, dtype=np.float32)
    first = np.zeros((len(rows), 0))
    for i, view in enumerate(views):
        logits, backward = model.forward(seen_through(rows, view, space))
        _, down = loss(logits, y)
        slope = backward(np.where(np.isfinite(down), down, 0.0))
        if view.by.any():
            slope = moved(slope, space, -view.by)
        # One view's NaN must not blind the others.
        total += np.where(np.isfinite(slope), slope, np.float32(0)) / len(views)
        first = logits if i == 0 else first
    return first, total


def seen_through(rows: Rows, view: View, space: ImageSpace) -> Rows:
    """Return pictures as a view shows them to the model."""
    seen = np.clip(rows + view.added, 0, 1) if view.added.any() else rows
    return moved(seen, space, view.by) if view.by.any() else seen
