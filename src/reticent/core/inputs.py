"""Rows of inputs, whichever container they come in."""

import datetime as dt
import struct
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core.errors import BadInput
from reticent.core.types import Bools, Column, Inputs, Ints

if TYPE_CHECKING:
    import pandas as pd

_NUMBER, _TEXT, _WHOLE, _TIME, _SPAN, _OTHER = b"n", b"s", b"i", b"t", b"d", b"o"
_FLOAT = struct.Struct("<d").pack
_SIZE = struct.Struct("<I").pack
_MISSING = _NUMBER + _FLOAT(np.nan)
_FLOATS_ONLY = {float}
_MOST_AT_ONCE = 1024
_EPOCH = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)


def take(x: Inputs, index: Ints | Bools) -> Inputs:
    """Return the rows of `x` named by an integer or boolean index."""
    if isinstance(x, np.ndarray):
        return x[index]
    if index.dtype == np.bool_:
        index = np.flatnonzero(index)
    return x.iloc[index].reset_index(drop=True)


def stack(parts: Sequence[Inputs]) -> Inputs:
    """Return the rows of all parts, one below the other; the parts share their columns.

    Raises: BadInput if some parts are tables and some are arrays.
    """
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts):
        return np.concatenate(arrays)
    if arrays:
        raise BadInput(
            f"{len(arrays)} of {len(parts)} sets of inputs are arrays and the others are tables.",
            way_out="Give all of them as tables, or all as arrays.",
        )
    import pandas as pd

    frames = [part for part in parts if not isinstance(part, np.ndarray)]
    return pd.concat(frames, ignore_index=True)


def repeat(x: Inputs, times: int) -> Inputs:
    """Return `times` copies of all of `x`, one below the other: row i is at i, i + n, ..."""
    return take(x, np.tile(np.arange(len(x)), times))


def canonical_rows(x: "Inputs | Sequence[Any]") -> list[bytes]:
    """Return one byte string a row, equal exactly when the rows are equal as inputs.

    `x` is a table, an array, or rows as JSON has them (lists of cells, nested for an array of
    more than two dimensions). Numbers of any type count by value (1, 1.0 and True agree; -0.0 is
    0.0), and everything missing (NaN, None, pandas.NA, NaT) is one thing, so the same question
    has the same bytes in a table, in an array and off the wire. Column names play no part: the
    order of the model's inputs does.

    Raises: BadInput for a cell that has no stable bytes, such as a bare object.

    >>> canonical_rows(np.array([[1.0, -0.0]])) == canonical_rows([[True, 0]])
    True
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind == "f" or (x.dtype.kind in "biu" and _fits_floats(x)):
            return _packed(x)
        flat = x.reshape(len(x), int(np.prod(x.shape[1:])))
        columns = [_cells(flat[:, j]) for j in range(flat.shape[1])]
        return _joined(columns, len(x))
    if type(x) is list or isinstance(x, Sequence):
        return [
            _sized(_TEXT, row)
            if type(row) is str
            else _floats(row) or b"".join(map(canonical_cell, _flat(row)))
            for row in x
        ]
    plain = [_plain_column(x.iloc[:, j]) for j in range(x.shape[1])]
    if plain and all(map(_fits_floats, plain)):  # the same bytes, several times as fast
        return _packed(np.column_stack([column.astype(np.float64) for column in plain]))
    return _joined([_cells(column) for column in plain], len(x))


def canonical_cell(value: object) -> bytes:
    """Return the bytes that stand for one value of a row; no cell's begin another's.

    Raises: BadInput for a value that has no stable bytes.
    """
    kind = type(value)
    cell: Any = value  # first what JSON has, at a guard's speed
    if kind is float:
        return _NUMBER + _FLOAT(cell + 0.0) if cell == cell else _MISSING
    if (kind is int or kind is bool) and -(2**53) < cell < 2**53:
        return _NUMBER + _FLOAT(cell)
    if kind is not str and is_missing(value):
        return _MISSING
    if isinstance(value, str):
        return _sized(_TEXT, value)
    if isinstance(value, (dt.datetime, dt.date, np.datetime64)):
        return _sized(_TIME, str(_nanoseconds(value)))
    if isinstance(value, (dt.timedelta, np.timedelta64)):
        return _sized(_SPAN, str(_nanoseconds(value)))
    if isinstance(value, (Real, np.bool_, Decimal)):
        return _number(value)
    if type(value).__repr__ is object.__repr__ or isinstance(value, (list, tuple, dict, set)):
        raise BadInput(
            f"A cell holds {value!r:.80}, a {type(value).__name__}; a model's inputs must be "
            "numbers, texts, times or nothing.",
            way_out="Turn it into one of these before the model is asked.",
        )
    return _sized(_OTHER, f"{type(value).__name__}:{value!r}")


def _packed(x: Column) -> list[bytes]:
    flat = x.reshape(len(x), int(np.prod(x.shape[1:])))
    packed = np.empty(flat.shape, dtype=[("tag", "S1"), ("value", "<f8")])
    packed["tag"], packed["value"] = _NUMBER, _plain(flat)
    return [row.tobytes() for row in packed]


def _floats(row: Any) -> bytes:
    """Return the bytes of a row of not too many floats, in a third of the time; b"" of another."""
    if type(row) is not list or len(row) > _MOST_AT_ONCE or set(map(type, row)) != _FLOATS_ONLY:
        return b""
    total = sum(row)
    if total != total:  # a NaN, or infinities of both signs
        return b""
    return canonical_floats([cell + 0.0 for cell in row] if 0.0 in row else row)


def canonical_floats(row: Sequence[float]) -> bytes:
    """Return `canonical_rows` of one row of 1 to 1,024 finite floats, without -0.0, unchecked."""
    cells: list[Any] = [_NUMBER] * (2 * len(row))
    cells[1::2] = row
    return _tagged(len(row)).pack(*cells)


@lru_cache(maxsize=_MOST_AT_ONCE)
def _tagged(width: int) -> struct.Struct:
    return struct.Struct("<" + "sd" * width)


def _joined(columns: list[list[bytes]], rows: int) -> list[bytes]:
    return [b"".join(row) for row in zip(*columns, strict=True)] if columns else [b""] * rows


def _flat(row: object) -> Sequence[Any]:
    """Return the cells of a row given as nested lists."""
    if isinstance(row, np.ndarray):
        return row.ravel().tolist()
    if isinstance(row, (list, tuple)):
        return list(chain.from_iterable(map(_flat, row)))
    return [row]


def _plain(numbers: Any) -> Any:
    """Return float64 with one zero and one NaN."""
    plain = np.asarray(numbers, dtype=np.float64) + 0.0
    plain[np.isnan(plain)] = np.nan
    return plain


def _plain_column(column: "pd.Series[Any]") -> Column:
    """Return a column as numpy has it; as objects where pandas has a type of its own."""
    values = column.to_numpy() if column.dtype.kind in "biuf" else column.astype(object).to_numpy()
    return np.asarray(values)


def _fits_floats(column: Column) -> bool:
    """Return whether every number of a column is one that a float holds exactly."""
    if column.dtype.kind not in "iu":
        return column.dtype.kind in "bf"
    return not len(column) or bool(column.min() > -(2**53) and column.max() < 2**53)


def _cells(column: Column) -> list[bytes]:
    if column.dtype.kind in "biuf":
        numbers = _plain(column)
        cells = [_NUMBER + struct.pack("<d", v) for v in numbers.tolist()]
        if column.dtype.kind in "iu":
            for i in np.flatnonzero(np.abs(numbers) >= 2.0**53).tolist():
                cells[i] = canonical_cell(int(column[i]))
        return cells
    # Values of one column are mostly repeats. The type is part of the key: equal is not enough
    # for the few types that compare equal and mean different things.
    seen: dict[tuple[type, Any], bytes] = {}
    cells = []
    for value in column.tolist() if column.dtype.kind not in "Mm" else list(column):
        try:
            key = (type(value), value)
            cell = seen.get(key) or seen.setdefault(key, canonical_cell(value))
        except TypeError:  # no hash: a list in a cell, or the like
            cell = canonical_cell(value)
        cells.append(cell)
    return cells


def is_missing(value: object) -> bool:
    """Return whether a cell holds nothing: None, NaN, pandas.NA or NaT."""
    if value is None or type(value).__name__ == "NAType":
        return True
    try:
        return bool(value != value)  # NaN and NaT alone differ from themselves
    except (TypeError, ValueError, ArithmeticError):
        return False


def _number(value: Any) -> bytes:
    """Return a number's bytes by value: an integer that no float holds keeps its digits."""
    if isinstance(value, np.integer):
        value = int(value)  # numpy would compare it as a float
    try:
        plain = float(value)
    except OverflowError:
        plain = np.inf
    if isinstance(value, int) and plain != value:
        return _sized(_WHOLE, str(value))
    return _NUMBER + struct.pack("<d", _plain([plain])[0])


def _nanoseconds(value: Any) -> int:
    """Return a moment (since 1970, in UTC if it has a zone) or a span in whole nanoseconds."""
    if isinstance(value, (np.datetime64, np.timedelta64)):
        unit, _ = np.datetime_data(value.dtype)
        fine = unit in ("ns", "ps", "fs", "as")
        kind = "M8" if isinstance(value, np.datetime64) else "m8"
        count = int(value.astype(f"{kind}[{'ns' if fine else 'us'}]").astype(np.int64))
        return count if fine else count * 1000
    if isinstance(value, dt.timedelta):
        return _whole_microseconds(value) + int(getattr(value, "nanoseconds", 0))
    rest = int(getattr(value, "nanosecond", 0))  # pandas keeps what datetime cannot
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    elif value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return _whole_microseconds(value - _EPOCH) + rest


def _whole_microseconds(span: dt.timedelta) -> int:
    return int(span // _MICROSECOND) * 1000


def _sized(tag: bytes, text: str) -> bytes:
    body = text.encode("utf-8", "surrogatepass")
    return tag + _SIZE(len(body)) + body
