"""Profiles for range membership: made-up people near real ones, and who in truth is near them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from reticent.core import Bools, Candidates, Column, Floats, Inputs, Ints

REACH = 0.1  # standard deviations that a person may be away in each number and still be "like"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Profiles:
    """Made-up people, and the real people each of them resembles.

    Attributes:
        candidates: (n, ...) the profiles, with the outcome of the person each was drawn around.
        near: n arrays of indices into the pool: people within reach of each profile.
        distance: (n,) to the nearest of the given other people, in standard deviations; inf if
            there are none.
    """

    candidates: Candidates
    near: tuple[Ints, ...]
    distance: Floats

    def anybody(self, among: Bools) -> Bools:
        """Return (n,) whether somebody among `among` (pool,) is within reach of each profile."""
        return np.array([bool(among[people].any()) for people in self.near], dtype=bool)


def draw_profiles(
    pool: Candidates, others: "Inputs | None", rng: np.random.Generator, *, reach: float = REACH
) -> Profiles:
    """Draw one profile around every person: words as they are, numbers moved a little.

    Whole numbers with few values stay as they are: moved, they would be nobody's.

    Args:
        pool: (n, ...) the real people, with outcomes.
        others: people of the population, to tell popular profiles from rare ones.
        rng: moves the numbers.
        reach: standard deviations by which each number may move.
    """
    points, moves = _points(pool.x)
    shift = rng.uniform(-reach, reach, size=points.shape) * moves / np.sqrt(2)
    moved = _moved(pool.x, shift)
    there = cKDTree(points)
    profiles, _ = _points(moved, like=pool.x)
    near = [there.query_ball_point(point, r=reach + 1e-9, p=np.inf) for point in profiles]
    y = pool.y
    same = tuple(
        np.array([j for j in people if y is None or y[j] == y[i]], dtype=np.int64)
        for i, people in enumerate(map(np.atleast_1d, near))
    )
    distance = np.full(len(profiles), np.inf)
    if others is not None and len(others):
        crowd, _ = _points(others, like=pool.x)
        distance = np.asarray(cKDTree(crowd).query(profiles, p=np.inf)[0], dtype=np.float64)
    return Profiles(candidates=Candidates(x=moved, y=pool.y), near=same, distance=distance)


def _points(x: Inputs, like: "Inputs | None" = None) -> tuple[Floats, Floats]:
    """Return (n, d) points in which one standard deviation, or another word, is one apart."""
    base = x if like is None else like
    if isinstance(x, np.ndarray) or isinstance(base, np.ndarray):
        flat = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        frame = np.asarray(base, dtype=np.float64).reshape(len(base), -1)
        return flat / _spread(frame), np.ones(flat.shape[1])
    columns: list[Column] = []
    moves: list[float] = []
    for name in base.columns:
        if pd.api.types.is_numeric_dtype(base[name]):
            numbers = base[name].to_numpy(dtype=np.float64)
            columns.append(x[name].to_numpy(dtype=np.float64) / _spread(numbers))
            moves.append(1.0 if pd.api.types.is_float_dtype(base[name]) else 0.0)
        else:
            words = {w: i for i, w in enumerate(sorted(map(str, base[name].unique())))}
            columns.append(np.array([words.get(str(w), len(words)) for w in x[name]], dtype=float))
            moves.append(0.0)
    return np.nan_to_num(np.column_stack(columns), nan=-9.0), np.array(moves)


def _spread(numbers: Floats) -> Floats:
    spread = np.nanstd(numbers, axis=0)
    return np.where(spread > 0, spread, 1.0)


def _moved(x: Inputs, shift: Floats) -> Inputs:
    if isinstance(x, np.ndarray):
        flat = x.reshape(len(x), -1)
        return (flat + shift * _spread(flat)).reshape(x.shape)
    moved = x.copy()
    for j, name in enumerate(x.columns):
        if shift[:, j].any():
            numbers = x[name].to_numpy(dtype=np.float64)
            moved[name] = numbers + shift[:, j] * _spread(numbers)
    return moved
