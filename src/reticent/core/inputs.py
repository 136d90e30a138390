"""Rows of inputs, whichever container they come in."""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core.types import Bools, Inputs, Ints

if TYPE_CHECKING:
    import pandas as pd

_NUMBER, _TEXT, _MISSING = b"n", b"s", b"-"


def take(x: Inputs, index: Ints | Bools) -> Inputs:
    """Return the rows of `x` named by an integer or boolean index."""
    if isinstance(x, np.ndarray):
        return x[index]
    if index.dtype == np.bool_:
        index = np.flatnonzero(index)
    return x.iloc[index].reset_index(drop=True)


def stack(parts: Sequence[Inputs]) -> Inputs:
    """Return the rows of all parts, one below the other; the parts share their columns."""
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts):
        return np.concatenate(arrays)
    import pandas as pd

    frames = [part for part in parts if not isinstance(part, np.ndarray)]
    return pd.concat(frames, ignore_index=True)


def repeat(x: Inputs, times: int) -> Inputs:
    """Return `times` copies of all of `x`, one below the other: row i is at i, i + n, ..."""
    return take(x, np.tile(np.arange(len(x)), times))


def canonical_rows(x: Inputs) -> list[bytes]:
    """Return one byte string a row, equal exactly when the rows are equal as inputs.

    Numbers of any type count by value (1, 1.0 and True agree; -0.0 is 0.0; every NaN is one
    NaN), so the same question has the same bytes in a table, in an array and off the wire.
    Column names play no part: the order of the model's inputs does.

    >>> canonical_rows(np.array([[1.0, -0.0]])) == canonical_rows(np.array([[1.0, 0.0]]))
    True
    """
    if isinstance(x, np.ndarray):
        flat = x.reshape(len(x), -1)
        packed = np.empty(flat.shape, dtype=[("tag", "S1"), ("value", "<f8")])
        packed["tag"], packed["value"] = _NUMBER, _plain(flat)
        return [row.tobytes() for row in packed]
    cells = [_cells(x.iloc[:, j]) for j in range(x.shape[1])]
    return [b"".join(row) for row in zip(*cells, strict=True)] if cells else [b""] * len(x)


def _plain(numbers: Any) -> Any:
    """Return float64 with one zero and one NaN."""
    plain = np.asarray(numbers, dtype=np.float64) + 0.0
    plain[np.isnan(plain)] = np.nan
    return plain


def _cells(column: "pd.Series[Any]") -> list[bytes]:
    if column.dtype.kind in "biuf":
        return [_NUMBER + struct.pack("<d", v) for v in _plain(column.to_numpy()).tolist()]
    seen: dict[Any, bytes] = {}
    return [seen.get(v) or seen.setdefault(v, canonical_cell(v)) for v in column.astype(object)]


def canonical_cell(value: object) -> bytes:
    """Return the bytes that stand for one value of a row."""
    if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        return _NUMBER + struct.pack("<d", _plain([value])[0])
    if isinstance(value, str):
        text = value.encode()
        return _TEXT + struct.pack("<I", len(text)) + text
    return _MISSING
