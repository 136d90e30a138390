"""Tables into numbers, and a learner of classes that is fast enough to run inside an attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core import Floats, Inputs, Ints

if TYPE_CHECKING:
    import pandas as pd

MAX_LEVELS = 24  # indicator columns a text column may open; rarer levels share the last one
MAX_BINS = 10  # quantile bins a numeric column is cut into for a linear learner
UNSEEN = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """How the columns of a table become numbers; made by `fit_encoder`.

    Attributes:
        columns: the columns in order; empty for plain arrays.
        levels: for every column its text levels, most frequent first; None for a number.
        cuts: for every column the inner edges of its quantile bins; empty for text.
    """

    columns: tuple[str, ...]
    levels: tuple[tuple[str, ...] | None, ...]
    cuts: tuple[Floats, ...]

    @property
    def categorical(self) -> list[bool]:
        """Return for each column whether it holds text."""
        return [levels is not None for levels in self.levels]

    def matrix(self, x: Inputs) -> Floats:
        """Return (n, d): numbers as they are, text as level codes.

        A level that `fit_encoder` did not see is `UNSEEN`; a missing value is NaN.
        """
        columns = _columns(x, self.columns)
        out = np.empty((len(x), len(columns)))
        for j, (column, levels) in enumerate(zip(columns, self.levels, strict=True)):
            out[:, j] = _numbers(column) if levels is None else _codes(column, levels)
        return out

    def design(self, x: Inputs) -> Floats:
        """Return (n, width) zeros and ones, and one standing 1 in front, for a linear learner.

        A numeric column falls into quantile bins, a text column into its levels; missing and
        unseen values have a column of their own. So any shape of dependence on one column can
        be learnt, and no value, however far out, can dominate.
        """
        coded = self.matrix(x)
        widths = [
            len(cuts) + 1 if levels is None else min(len(levels), MAX_LEVELS)
            for levels, cuts in zip(self.levels, self.cuts, strict=True)
        ]
        starts = 1 + np.concatenate([[0], np.cumsum(np.array(widths, dtype=np.int64) + 1)])
        out = np.zeros((len(coded), int(starts[-1])))
        out[:, 0] = 1.0
        rows = np.arange(len(coded))
        for j, (levels, cuts, width) in enumerate(zip(self.levels, self.cuts, widths, strict=True)):
            column = coded[:, j]
            odd = np.isnan(column) | ((column < 0) if levels is not None else False)
            plain = np.where(odd, 0.0, column)
            place = np.searchsorted(cuts, plain, side="right") if levels is None else plain
            place = np.where(odd, width, np.minimum(place, width - 1)).astype(np.int64)
            out[rows, starts[j] + place] = 1.0
        return out


def fit_encoder(x: Inputs) -> Encoder:
    """Return the encoder learnt from `x`, the adversary's own rows.

    >>> import pandas as pd
    >>> e = fit_encoder(pd.DataFrame({"job": ["b", "a", "b"], "age": [1.0, 2.0, 3.0]}))
    >>> e.matrix(pd.DataFrame({"job": ["a", "z", None], "age": [5, 6, None]})).tolist()
    [[1.0, 5.0], [-1.0, 6.0], [nan, nan]]
    """
    names = () if isinstance(x, np.ndarray) else tuple(x.columns)
    levels: list[tuple[str, ...] | None] = []
    cuts: list[Floats] = []
    for column in _columns(x, names):
        if _is_number(column):
            levels.append(None)
            cuts.append(_quantile_cuts(_numbers(column)))
        else:
            levels.append(_levels(column))
            cuts.append(np.empty(0))
    return Encoder(names, tuple(levels), tuple(cuts))


def row_groups(x: "pd.DataFrame") -> tuple[Ints, Ints]:
    """Return which rows say the same: (first, group).

    `x.iloc[first]` holds every distinct row once, in order of appearance, and row i equals
    distinct row `group[i]`.
    """
    import pandas as pd

    group = np.zeros(len(x), dtype=np.int64)
    for j in range(x.shape[1]):
        codes, uniques = pd.factorize(x.iloc[:, j], use_na_sentinel=False)
        mixed = group * max(len(uniques), 1) + codes
        group = np.asarray(pd.factorize(mixed)[0], dtype=np.int64)
    first = np.full(int(group.max(initial=-1)) + 1, len(x), dtype=np.int64)
    np.minimum.at(first, group, np.arange(len(x)))
    return first, group


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    """A fitted multinomial logistic regression: class log-odds are `design @ weights`."""

    weights: Floats

    def log_proba(self, design: Floats) -> Floats:
        """Return (n, k) log-probabilities of the classes."""
        return log_normalise(design @ self.weights)


def fit_softmax(
    design: Floats, target: Ints, classes: int, *, ridge: float = 1.0, steps: int = 60
) -> Softmax:
    """Return the multinomial logistic regression of `target` on `design`.

    L-BFGS in coordinates in which the quadratic bound of the loss (Boehning 1992) is round:
    indicator columns of very different frequency then need some 15 steps instead of hundreds.

    Args:
        design: (n, d); column 0 is the constant and goes unpenalised.
        target: (n,) class index in [0, classes).
        classes: number of classes, those without an example included.
        ridge: weight of the squared penalty, in observations.
        steps: most L-BFGS iterations.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import minimize

    n, d = design.shape
    penalty = np.full(d, ridge)
    penalty[0] = 1e-6 * max(n, 1)
    hot = np.zeros((n, classes))
    hot[np.arange(n), target] = 1.0
    lower = np.linalg.cholesky(design.T @ design / 2 + np.diag(penalty))
    rotated = solve_triangular(lower, design.T, lower=True).T
    # |w|^2 in the old coordinates, as a quadratic form in the new ones.
    inverse = solve_triangular(lower, np.eye(d), lower=True)
    quadratic = inverse @ (penalty[:, None] * inverse.T)

    def loss(flat: Floats) -> tuple[float, Floats]:
        u = flat.reshape(d, classes)
        log_p = log_normalise(rotated @ u)
        bend = quadratic @ u
        value = -float((hot * log_p).sum()) + 0.5 * float((u * bend).sum())
        slope = rotated.T @ (np.exp(log_p) - hot) + bend
        return value, slope.ravel()

    found = minimize(
        loss,
        np.zeros(d * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "ftol": 1e-7},
    )
    return Softmax(inverse.T @ found.x.reshape(d, classes))


def log_normalise(logits: Floats) -> Floats:
    """Return logits minus the log of the sum of their exponentials, along the last axis.

    >>> np.exp(log_normalise(np.array([[0.0, 0.0]]))).tolist()
    [[0.5, 0.5]]
    """
    top = logits.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    shifted = logits - top
    out: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return out


def _columns(x: Inputs, names: Sequence[str]) -> list[Any]:
    if isinstance(x, np.ndarray):
        flat = x.reshape(len(x), -1)
        return [flat[:, j] for j in range(flat.shape[1])]
    return [x[name] for name in names]


def _is_number(column: Any) -> bool:
    return getattr(column.dtype, "kind", "O") in "biuf"


def _numbers(column: Any) -> Floats:
    if _is_number(column):
        return np.asarray(column, dtype=np.float64)
    import pandas as pd

    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)


def _levels(column: Any) -> tuple[str, ...]:
    counts = column.astype(object).dropna().map(str).value_counts()
    return tuple(sorted(counts.index, key=lambda level: (-int(counts[level]), level)))


def _codes(column: Any, levels: Sequence[str]) -> Floats:
    """Return (n,) place of each value among `levels`, `UNSEEN` or NaN."""
    import pandas as pd

    place = {level: float(i) for i, level in enumerate(levels)}
    codes, uniques = pd.factorize(column if isinstance(column, pd.Series) else pd.Series(column))
    table = np.array([place.get(str(u), UNSEEN) for u in uniques] + [np.nan])
    return np.asarray(table[codes], dtype=np.float64)


def _quantile_cuts(numbers: Floats) -> Floats:
    seen = numbers[np.isfinite(numbers)]
    if len(seen) == 0:
        return np.empty(0)
    distinct = np.unique(seen)
    if len(distinct) <= MAX_BINS:
        return (distinct[1:] + distinct[:-1]) / 2
    edges = np.quantile(seen, np.arange(1, MAX_BINS) / MAX_BINS)
    return np.unique(edges)
