"""How near a picture comes to photos: of the training data, and of the same person otherwise."""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from reticent.audit.images.experiment import Photos
from reticent.audit.images.judges.gradients import oriented_gradients
from reticent.audit.images.pixels import even, grey, resized
from reticent.core import Bools, Floats, Ints

_MOST = (56, 56)  # pictures are compared at this size at most
_EXACT = 2000  # ways of dealing out a person's photos that are all tried; else as many are drawn
_COPY = 0.5  # of the way to the photo's nearest neighbour: nearer than that is a copy
_WINDOW = 1.5  # standard deviation of SSIM's window, in pixels (Wang et al. 2004)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Likeness:
    """What m pictures have in common with photos of the people they were made to show.

    Distances are root mean squares between pictures of mean 0 and standard deviation 1, so that
    light and contrast play no part: 0 is the same picture, 1.41 no relation.

    Attributes:
        to_training: (m,) mean distance to the training photos of the person.
        to_held_out: (m,) mean distance to the held-out photos of the same person.
        p_value: (m,) exact: how often chance would put the picture so much nearer to the training
            photos, if it did not matter which photos the model was trained on.
        verbatim: (m,) whether the picture is a copy of a training photo.
        verbatim_held_out: (m,) the same rule for held-out photos, which cannot be memorised.
        ssim: (m,) structural similarity to the nearest training photo.
        features: (m,) distance to it in gradient features, 0 to 1.
        nearest: (m,) row of the nearest training photo.
    """

    to_training: Floats
    to_held_out: Floats
    p_value: Floats
    verbatim: Bools
    verbatim_held_out: Bools
    ssim: Floats
    features: Floats
    nearest: Ints


def compare(
    images: Floats,
    wanted: Ints,
    training: Photos,
    held_out: Photos,
    rng: np.random.Generator,
) -> Likeness:
    """Return the likeness of pictures to the photos of the people they were made to show.

    Args:
        images: (m, *shape) in [0, 1], all of them made.
        wanted: (m,) the person each was made to show.
        training: photos that the model was trained on.
        held_out: photos of the same people that it was not trained on.
        rng: deals out photos where there are too many ways to try them all.
    """
    seen, trained, other = _flat(images), _flat(training.x), _flat(held_out.x)
    everything = np.concatenate([trained, other])
    apart_training, apart_other = _distances(seen, trained), _distances(seen, other)
    own_neighbour = _distances(everything, everything)
    np.fill_diagonal(own_neighbour, np.inf)
    neighbour = own_neighbour.min(axis=1)
    m = len(images)
    near = np.empty(m, dtype=np.int64)
    mean_training, mean_other, p_value = np.empty(m), np.empty(m), np.empty(m)
    copy, copy_other = np.zeros(m, dtype=bool), np.zeros(m, dtype=bool)
    for i, person in enumerate(wanted):
        mine = np.flatnonzero(training.who == person)
        rest = np.flatnonzero(held_out.who == person)
        to_mine, to_rest = apart_training[i, mine], apart_other[i, rest]
        near[i] = mine[to_mine.argmin()]
        mean_training[i], mean_other[i] = to_mine.mean(), to_rest.mean()
        p_value[i] = _nearer_by_chance(to_mine, to_rest, rng)
        copy[i] = bool((to_mine <= _COPY * neighbour[mine]).any())
        copy_other[i] = bool((to_rest <= _COPY * neighbour[len(trained) + rest]).any())
    shape = (max(min(images.shape[1], 64), 16), max(min(images.shape[2], 64), 16))
    ours = oriented_gradients(images, shape)
    theirs = oriented_gradients(training.x[near], shape)
    return Likeness(
        to_training=mean_training,
        to_held_out=mean_other,
        p_value=p_value,
        verbatim=copy,
        verbatim_held_out=copy_other,
        ssim=ssim(images, training.x[near]),
        features=np.asarray(1 - (ours * theirs).sum(axis=1), dtype=np.float64),
        nearest=near,
    )


def ssim(images: Floats, photos: Floats) -> Floats:
    """Return the structural similarity of pictures to as many photos, (m,), at 56 pixels.

    Source: Wang, Bovik, Sheikh & Simoncelli 2004, Gaussian window, values in [0, 1].
    """
    from scipy.ndimage import gaussian_filter

    shape = (min(images.shape[1], _MOST[0]), min(images.shape[2], _MOST[1]))
    a, b = resized(grey(images), shape), resized(grey(photos), shape)

    def smooth(x: Floats) -> Floats:
        return np.asarray(gaussian_filter(x, (0, _WINDOW, _WINDOW)), dtype=np.float64)

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    both = smooth(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    bottom = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return np.asarray((top / bottom).mean(axis=(1, 2)), dtype=np.float64)


def _nearer_by_chance(mine: Floats, rest: Floats, rng: np.random.Generator) -> float:
    """Return the one-sided p-value of "nearer on average to these photos than to the others"."""
    every, n = np.concatenate([mine, rest]), len(mine)
    total, others = every.sum(), len(rest)
    if comb(len(every), n) <= _EXACT:
        chosen = np.array(list(combinations(range(len(every)), n)))
        sums = every[chosen].sum(axis=1)
        extra = 0
    else:
        sums = rng.permuted(np.tile(every, (_EXACT, 1)), axis=1)[:, :n].sum(axis=1)
        extra = 1  # the dealing that happened is one of those that could
    gap = (total - sums) / others - sums / n
    seen = rest.mean() - mine.mean()
    return float(((gap >= seen - 1e-12).sum() + extra) / (len(gap) + extra))


def _flat(images: Floats) -> Floats:
    shape = (min(images.shape[1], _MOST[0]), min(images.shape[2], _MOST[1]))
    rows = even(resized(grey(images), shape)).reshape(len(images), -1)
    return np.asarray(rows, dtype=np.float64)


def _distances(a: Floats, b: Floats) -> Floats:
    square = (a**2).mean(axis=1)[:, None] + (b**2).mean(axis=1) - 2 * (a @ b.T) / a.shape[1]
    return np.asarray(np.sqrt(np.maximum(square, 0.0)), dtype=np.float64)
