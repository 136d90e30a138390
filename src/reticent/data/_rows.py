"""Find equal rows without holding every row as bytes."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reticent.core import Bools, canonical_cell, canonical_rows

if TYPE_CHECKING:
    import pandas as pd

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring values


def among(known: "pd.DataFrame", others: "pd.DataFrame") -> Bools:
    """Return (n,) whether each of the other rows equals a known one, as inputs to a model.

    Rows are compared by a 64-bit hash first and, where those agree, by value.
    """
    left, right = _hashes(known), _hashes(others)
    maybe = np.isin(right, left)
    if maybe.any():
        certain = set(canonical_rows(known[np.isin(left, right[maybe])]))
        rows = canonical_rows(others[maybe])
        maybe[maybe] = np.fromiter((row in certain for row in rows), np.bool_, count=len(rows))
    return maybe


def _hashes(frame: "pd.DataFrame") -> NDArray[np.uint64]:
    total = np.zeros(len(frame), dtype=np.uint64)
    for j in range(frame.shape[1]):
        total ^= _column(frame.iloc[:, j])
        total *= _ODD
        total ^= total >> np.uint64(29)
    return total


def _column(column: "pd.Series[Any]") -> NDArray[np.uint64]:
    if str(column.dtype) != "category" and column.dtype.kind in "biuf":
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return numbers.view(np.uint64) * _ODD
    import pandas as pd

    codes, distinct = pd.factorize(column.astype(object), use_na_sentinel=True)
    each = np.array([_cell(value) for value in [*distinct.tolist(), None]], dtype=np.uint64)
    return each[codes]


def _cell(value: object) -> int:
    """Return the hash of one value; a number's equals that of the same number in a column."""
    cell = canonical_cell(value)
    if cell[:1] == b"n":
        number = np.frombuffer(cell[1:], dtype="<f8").astype(np.float64)
        return int((number.view(np.uint64) * _ODD)[0])
    return int.from_bytes(hashlib.blake2b(cell, digest_size=8).digest(), "little")
