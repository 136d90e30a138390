"""Read the columns that are needed, and no others."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core import BadInput, Column
from reticent.data._header import check_header
from reticent.data.checks import require_columns
from reticent.data.source import Source, is_query, opened, selected

if TYPE_CHECKING:
    import pandas as pd

_VECTORS = 8  # DuckDB's unit, 2,048 rows each: rows held twice while they are converted
_NESTED = ("STRUCT", "MAP", "UNION", "BLOB")
_MOST_SHARED = 100_000  # distinct texts remembered per column
_TRUTH = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


def read_table(
    source: str | Path,
    *,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    base: Path | None = None,
) -> "pd.DataFrame":
    """Return a table with the columns asked for, in that order.

    Values of a file come as `pandas.read_csv` would give them; those of a query as its SQL types
    them. Numbers are
    int64/float64 (float64 where one is missing; smaller widths are kept), truth values bool, and
    text is object with NaN for missing. Text is stored once for each distinct value, so a column
    of few values costs 8 bytes a row. Peak memory is the table, one more copy of its widest
    column, and one block of rows. Rows keep the order of the file.

    Args:
        source: a CSV, TSV, Parquet, Arrow/Feather or JSON lines path, or an SQL SELECT (paths in
            it relative to `base`; local files only).
        columns: which; all if None.
        limit: at most so many rows, from the top.
        base: the folder that relative paths start from.

    Raises: BadInput if the source is missing or cannot be parsed, or has no such column.
    """
    if limit is not None and limit < 0:
        raise BadInput(f"limit = {limit}; it must be 0 or more.", way_out="Leave it out for all.")
    try:
        return _read(source, columns, limit, base, whole=False)
    except BadInput:
        if is_query(source) or Path(source).suffix.lower() not in {".csv", ".tsv", ".txt"}:
            raise
    # A value beyond the head of the file did not fit the type guessed from the head.
    return _read(source, columns, limit, base, whole=True)


def _read(
    source: str | Path,
    columns: Sequence[str] | None,
    limit: int | None,
    base: Path | None,
    *,
    whole: bool,
) -> "pd.DataFrame":
    with opened(source, base=base, whole=whole) as data:
        wanted = data.columns if columns is None else tuple(dict.fromkeys(columns))
        if data.untyped:
            check_header(base / source if base else source, data.columns, wanted)
        require_columns(data.columns, wanted, where=_called(source))
        _refuse_nested(data, wanted, where=_called(source))
        return _table(data, wanted, limit)


def _refuse_nested(data: Source, wanted: Sequence[str], *, where: str) -> None:
    for column, kind in zip(data.columns, data.kinds, strict=True):
        if column in wanted and (kind.endswith("]") or kind.startswith(_NESTED)):
            raise BadInput(
                f"Column {column!r} of {where} cannot be read: it holds {kind}, and one value a "
                "cell is needed.",
                way_out="Spread it over columns of numbers or texts, or leave it out.",
            )


def _called(source: str | Path) -> str:
    return "the query" if is_query(source) else Path(source).name


def _table(data: Source, wanted: tuple[str, ...], limit: int | None) -> "pd.DataFrame":
    import pandas as pd

    rows = "" if limit is None else f" LIMIT {int(limit)}"
    if not wanted:
        count = data.connection.execute(f"SELECT count(*) FROM (FROM {data.relation}{rows})")
        (n,) = count.fetchone() or (0,)
        return pd.DataFrame(index=pd.RangeIndex(n))
    shown = data.connection.execute(f"SELECT {selected(wanted)} FROM {data.relation}{rows}")
    held: list[Column] = [np.empty(0)] * len(wanted)
    shared: list[dict[str, str]] = [{} for _ in wanted]
    n = 0
    while len(block := shown.fetch_df_chunk(_VECTORS)):
        for j in range(len(wanted)):
            held[j] = _put(held[j], n, _plain(block.iloc[:, j], shared[j]))
        n += len(block)
    made = {}
    for column in wanted:
        values = held.pop(0)[:n] if n else np.empty(0, dtype=object)
        if data.untyped and values.dtype == object and n:
            values = _as_pandas_reads(values)
        # Given an object array alone, pandas 3 would make another text type of it.
        made[column] = pd.Series(values, dtype=values.dtype, copy=False)
    return pd.DataFrame(made, copy=False)


def _put(held: Column, at: int, part: Column) -> Column:
    """Write a block at `at`, in a larger array or of a wider type if need be.

    Memory beyond the last row is reserved and never touched, so it costs nothing.
    """
    if at == 0:
        held = np.empty(len(part), dtype=part.dtype)
    kind = held.dtype if held.dtype == part.dtype else _wider(held.dtype, part.dtype)
    if at + len(part) > len(held) or kind != held.dtype:
        room = max(len(held) * 3 // 2, at + len(part))
        wider = np.empty(room, dtype=kind)
        wider[:at] = held[:at]
        held = wider
    held[at : at + len(part)] = part
    return held


def _wider(one: "np.dtype[Any]", other: "np.dtype[Any]") -> "np.dtype[Any]":
    numbers = one.kind in "iuf" and other.kind in "iuf"
    return np.promote_types(one, other) if numbers or one.kind == other.kind else np.dtype(object)


def _plain(column: "pd.Series[Any]", shared: dict[str, str]) -> Column:
    """Return one block of a column as an ordinary numpy array."""
    kind = column.dtype
    if kind.kind == "M":
        return column.to_numpy()
    if kind.kind in "iufb":
        if isinstance(kind, np.dtype):
            return column.to_numpy()
        if kind.kind == "b" and column.isna().any():
            return column.astype(object).to_numpy(dtype=object, na_value=np.nan)
        if column.isna().any():
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return column.to_numpy(dtype=kind.numpy_dtype)  # type: ignore[attr-defined]  # nullable
    values = column.to_numpy(dtype=object)
    missing = column.isna().to_numpy()
    found = np.empty(len(values), dtype=object)
    found[:] = list(_once(values.tolist(), shared))
    found[missing] = np.nan
    return found


def _once(values: Iterable[Any], shared: dict[str, str]) -> Iterable[Any]:
    """Yield the values with equal texts made one object."""
    for value in values:
        if type(value) is str and (value in shared or len(shared) < _MOST_SHARED):
            yield shared.setdefault(value, value)
        else:
            yield value


def _as_pandas_reads(values: Column) -> Column:
    """Return truth values if a text column holds nothing else, and NaN if it holds nothing."""
    cells = values.tolist()
    if all(cell in _TRUTH for cell in cells):
        return np.fromiter((_TRUTH[cell] for cell in cells), dtype=np.bool_, count=len(cells))
    if all(cell is np.nan for cell in cells):
        return np.full(len(cells), np.nan)
    return values
