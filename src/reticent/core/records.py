"""Records under test, as the adversary holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reticent.core.answers import Answer
from reticent.core.inputs import is_missing
from reticent.core.types import Column, Floats, Inputs


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candidates:
    """People under test. Never membership, never a hidden value: those are `audit.truth`.

    Attributes:
        x: (n, ...) inputs; for attribute inference without the columns in `missing`. Where whole
            pictures are wanted there is nothing to hold: (n, 0).
        y: (n,) class index (int64) or outcome (float64); None if the adversary has not seen it.
            Where pictures are wanted: the class of each.
        observed: the model's answer on each true record, if the adversary has seen it.
        missing: the hidden columns that the adversary wants.
    """

    x: Inputs
    y: Column | None = None
    observed: Answer | None = None
    missing: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Population:
    """Records that the adversary owns outright: inputs with every column, and outcomes.

    Attributes:
        x: (n, ...) inputs.
        y: (n,) class index (int64) or outcome (float64).
    """

    x: Inputs
    y: Column

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Domain:
    """The values that a column can take, as the adversary knows them (public, or from the schema).

    Attributes:
        values: (k,) candidate values: all of them for a categorical column, a grid for a
            continuous one.
        continuous: True if the values are points on a scale.
        tol: half-width within which a guess of a continuous value counts as right, in the
            column's unit; 0 for a categorical column.
        prior: (k,) probability of each value before anything is seen; uniform if not known.
    """

    values: Column
    continuous: bool = False
    tol: float = 0.0
    prior: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.prior) == 0:
            uniform = np.full(len(self.values), 1 / max(len(self.values), 1))
            object.__setattr__(self, "prior", uniform)

    def index_of(self, column: Column) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return (n,) the index of the domain value that equals (or is nearest to) each entry."""
        if self.continuous:
            order = np.argsort(self.values)
            grid = np.asarray(self.values, dtype=np.float64)[order]
            middle = (grid[1:] + grid[:-1]) / 2
            return order[np.searchsorted(middle, np.asarray(column, dtype=np.float64))]
        place = {_key(value): i for i, value in enumerate(self.values.tolist())}
        found = [place.get(_key(v), -1) for v in np.asarray(column).tolist()]
        return np.array(found, dtype=np.int64)


def _key(value: Any) -> Any:
    """Return what a category is looked up by: everything missing is one category."""
    return None if is_missing(value) else value


Domains = Mapping[str, Domain]
