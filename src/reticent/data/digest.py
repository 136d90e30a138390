"""A name for what a table says, the same on every machine and under every pandas."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core import canonical_cell

if TYPE_CHECKING:
    import pandas as pd

_EXACT = 1 << 53  # whole numbers up to here are all doubles


def data_digest(frame: "pd.DataFrame") -> str:
    """Return the SHA-256 of a table's content, in hexadecimal.

    Column names, their order, the order of the rows and every value count; the index and the way
    the values are stored do not: a number counts by value whatever its width (1, 1.0 and True
    agree, -0.0 is 0.0), text by its characters whether it is object, string or categorical, and
    every missing value is one. Text columns are hashed as their distinct values in order of
    appearance and one number a row, so a million rows take about a second.
    """
    digest = hashlib.sha256(b"reticent table 1\n")
    digest.update(np.array(frame.shape, dtype="<i8").tobytes())
    for j in range(frame.shape[1]):
        title = str(frame.columns[j]).encode()
        digest.update(np.array([len(title)], dtype="<i8").tobytes() + title)
        _column(digest, frame.iloc[:, j])
    return digest.hexdigest()


def _column(digest: Any, column: "pd.Series[Any]") -> None:
    kind = column.dtype.kind
    if str(column.dtype) != "category" and kind in "biuf":
        _numbers(digest, column)
    elif kind == "M":
        moments = column.to_numpy(dtype="datetime64[us]")
        digest.update(b"t" + moments.astype("<i8").tobytes())
    else:
        _cells(digest, column)


def _numbers(digest: Any, column: "pd.Series[Any]") -> None:
    plain = column.to_numpy()
    if plain.dtype.kind in "iu" and len(plain) and _beyond(plain):
        digest.update(b"i" + plain.astype("<i8" if plain.dtype.kind == "i" else "<u8").tobytes())
        return
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    digest.update(b"n" + numbers.astype("<f8").tobytes())


def _beyond(whole: "np.ndarray[Any, Any]") -> bool:
    return int(whole.max()) > _EXACT or int(whole.min()) < -_EXACT


def _cells(digest: Any, column: "pd.Series[Any]") -> None:
    import pandas as pd

    codes, distinct = pd.factorize(column.astype(object), use_na_sentinel=True)
    cells = [canonical_cell(value) for value in distinct.tolist()]
    # A column of objects that are all numbers says the same as a column of numbers.
    if cells and all(cell[:1] == b"n" for cell in cells):
        numbers = np.append(np.array([cell[1:] for cell in cells]).view("<f8"), np.nan)
        digest.update(b"n" + numbers[codes].astype("<f8").tobytes())
        return
    if not cells:  # nothing but missing values
        digest.update(b"n" + np.full(len(column), np.nan).astype("<f8").tobytes())
        return
    digest.update(b"s" + np.array([len(cells)], dtype="<i8").tobytes() + b"".join(cells))
    digest.update(codes.astype("<i4").tobytes())
