"""Records as numbers, for attacks that learn or perturb in input space."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core import Column, Floats, Inputs

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """How a population's columns become numbers; empty for arrays, which are numbers already.

    Attributes:
        levels: column -> its values in the population, in order; text columns only.
    """

    levels: dict[str, list[object]]

    @classmethod
    def of(cls, x: Inputs) -> "Coding":
        """Return the coding of a population's columns."""
        if isinstance(x, np.ndarray):
            return cls({})
        text = [str(c) for c in x.columns if not _is_number(x[c])]
        return cls({c: sorted({v for v in x[c].tolist() if v == v}, key=str) for c in text})

    def numbers(self, x: Inputs) -> Floats:
        """Return (n, d) numbers: text as its place in the population, NaN if missing or unseen."""
        if isinstance(x, np.ndarray):
            return np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        columns = [
            x[c].map({v: i for i, v in enumerate(self.levels[c])}) if c in self.levels else x[c]
            for c in map(str, x.columns)
        ]
        return np.column_stack([np.asarray(c, dtype=np.float64) for c in columns])


def with_outcome(numbers: Floats, y: Column, classes: int) -> Floats:
    """Return `numbers` with y beside it: one column a class, or the outcome itself."""
    if classes == 0:
        return np.column_stack([numbers, np.asarray(y, dtype=np.float64)])
    return np.column_stack([numbers, np.eye(classes)[y]])


def blurred(x: Inputs, likeness: Inputs, strength: float, rng: np.random.Generator) -> Inputs:
    """Return `x` with every cell disturbed, in its own container and with its own columns.

    Args:
        x: (n, ...) records.
        likeness: records of the same kind, whose columns tell the spread and the values to draw.
        strength: above 0; standard deviation of the noise in units of the column's own, and
            strength / (1 + strength) the chance that a category or a flag is redrawn.
        rng: the source of the noise.
    """
    if isinstance(x, np.ndarray) or isinstance(likeness, np.ndarray):
        x, likeness = np.asarray(x), np.asarray(likeness)
        flat, like = x.reshape(len(x), -1), likeness.reshape(len(likeness), -1)
        noise = rng.normal(size=flat.shape) * (strength * like.std(axis=0))
        noisy = flat + noise
        two = (like == like.min(axis=0)) | (like == like.max(axis=0))
        flags = np.flatnonzero(two.all(axis=0))
        redrawn = rng.random((len(flat), len(flags))) < strength / (1 + strength)
        drawn = like[rng.integers(len(like), size=redrawn.shape), flags]
        noisy[:, flags] = np.where(redrawn, drawn, flat[:, flags])
        result: Inputs = noisy.astype(x.dtype).reshape(x.shape)
        return result
    blurry = x.copy()
    for name in x.columns:
        known = likeness[name]
        redraw = rng.random(len(x)) < strength / (1 + strength)
        drawn = known.to_numpy()[rng.integers(len(known), size=len(x))]
        if not _is_number(known) or known.nunique() <= 2:
            blurry[name] = x[name].mask(redraw, drawn)
            continue
        moved = x[name].to_numpy(dtype=np.float64)
        moved = moved + rng.normal(size=len(x)) * strength * float(known.std())
        whole = known.dtype.kind in "iu"
        blurry[name] = np.rint(moved).astype(known.dtype) if whole else moved
    return blurry


def _is_number(column: "pd.Series[Any]") -> bool:
    return column.dtype.kind in "biuf"
