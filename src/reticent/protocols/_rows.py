"""Rows of inputs: from the cells of a request, and back into cells.

Rows of numbers become one array, so that checks and fingerprints cost a few numpy calls. JSON
tells 1 from 1.0 and many a server does too, so which columns were whole goes along.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from reticent.core import Column
from reticent.protocols._json import one_zero
from reticent.protocols.base import BadQuestion, Interface

WHOLE = "whole"  # in `Question.details`: columns of a float array that are written as integers
_EXACT = 2**53
_CELLS = (str, int, float, bool, type(None))


def read_rows(cells: Any, interface: Interface) -> tuple[Any, dict[str, Any]]:
    """Return rows as `Question.rows` has them, and what `cells_of` must know besides.

    Args:
        cells: a list of n rows as parsed: lists of cells, nested as `row_shape` says.
        interface: says the shape of a row; with named columns, cells may be texts, truth values
            or null, else they are numbers.

    Raises: BadQuestion for no rows, another shape, or cells of another kind.
    """
    if type(cells) is not list or not cells:
        raise BadQuestion("The request holds no rows.", way_out="Send one row or more.")
    try:
        found = np.array(cells)
    except (ValueError, TypeError, OverflowError, RecursionError):  # ragged, or too deep
        raise _shape(interface) from None
    if found.dtype.kind in "fi":
        whole = _whole(cells, found)
        if whole is not None:
            _check_shape(found, interface)
            return found, {WHOLE: whole} if whole else {}
    if not interface.columns:
        raise BadQuestion(
            "The request holds cells that are no numbers.",
            way_out="Send finite numbers that fit a double.",
        )
    for row in cells:
        if type(row) is not list or len(row) != len(interface.columns):
            raise _shape(interface)
        if any(type(cell) not in _CELLS for cell in row):
            raise BadQuestion(
                "The request holds a cell that is a list or an object.",
                way_out="Send numbers, texts, true, false or null.",
            )
    return cells, {}


def _whole(cells: list[Any], found: Column) -> tuple[int, ...] | None:
    """Return the columns that hold integers only; None if an array cannot stand for the cells."""
    rows = cells
    for _ in range(found.ndim - 2):
        rows = list(chain.from_iterable(rows))
    kinds = set(map(type, chain.from_iterable(rows))) if found.ndim > 1 else set(map(type, rows))
    if kinds == {float}:
        return ()
    if bool in kinds or float(np.abs(found).max(initial=0)) >= _EXACT:
        return None  # an array would make numbers of truth values, and round large integers
    if kinds == {int} or found.ndim != 2:
        return ()
    columns = zip(*cells, strict=True)
    return tuple(j for j, column in enumerate(columns) if set(map(type, column)) == {int})


def _check_shape(found: Column, interface: Interface) -> None:
    shape = found.shape[1:]
    if not shape or 0 in shape:
        raise _shape(interface)
    if interface.columns:
        fits = shape == (len(interface.columns),)
    else:
        fits = not interface.row_shape or shape == interface.row_shape
    if not fits:
        raise _shape(interface)


def _shape(interface: Interface) -> BadQuestion:
    if interface.columns:
        rule = f"each row must have {len(interface.columns)} cells"
    elif interface.row_shape:
        rule = f"each row must have the shape {list(interface.row_shape)}"
    else:
        rule = "all rows must be lists of the same shape"
    return BadQuestion(f"The rows have the wrong shape; {rule}.", way_out="Correct the rows.")


def by_name(records: Any, interface: Interface) -> list[list[Any]]:
    """Return rows given as objects, keyed by column, as lists in the model's order.

    Raises: BadQuestion if a row is no object, or has not exactly the declared columns.
    """
    if type(records) is not list or not interface.columns:
        raise BadQuestion(
            "The request names the cells of its rows, which this model does not.",
            way_out="Send each row as a list.",
        )
    wanted = interface.columns
    rows = []
    for record in records:
        if type(record) is not dict or len(record) != len(wanted):
            raise _names(interface)
        try:
            rows.append([record[name] for name in wanted])
        except KeyError:
            raise _names(interface) from None
    return rows


def in_order(columns: Any, rows: Any, interface: Interface) -> Any:
    """Return rows given as lists under named columns in the model's order.

    Raises: BadQuestion if the names are not exactly the declared columns.
    """
    wanted = list(interface.columns)
    if columns == wanted:
        return rows
    if type(columns) is not list or len(columns) != len(wanted):
        raise _names(interface)
    if any(type(name) is not str for name in columns) or set(columns) != set(wanted):
        raise _names(interface)
    place = [columns.index(name) for name in wanted]
    if type(rows) is not list or any(
        type(row) is not list or len(row) != len(wanted) for row in rows
    ):
        raise _shape(interface)
    return [[row[j] for j in place] for row in rows]


def _names(interface: Interface) -> BadQuestion:
    return BadQuestion(
        "The request does not name exactly the model's columns.",
        way_out=f"It has {len(interface.columns)}; name each of them once.",
    )


def cells_of(rows: Sequence[Any] | Column, whole: Sequence[int] = ()) -> Any:
    """Return rows as a canonical encoding writes them: an array, or lists of cells.

    Raises: BadQuestion for a number that is not finite, unless it is missing in a list of cells.
    """
    if isinstance(rows, np.ndarray):
        if rows.dtype.kind == "f":
            if not np.isfinite(rows).all():
                raise _not_finite()
            found = np.ascontiguousarray(rows, dtype=np.float64) + 0.0
            if not len(whole):
                return found
            cells = found.tolist()
            for row in cells:
                for j in whole:
                    row[j] = int(row[j])
            return cells
        if rows.dtype.kind in "iu":
            return np.ascontiguousarray(rows)
        rows = rows.tolist()
    cells = one_zero(list(rows))
    for row in cells:
        for cell in row if type(row) is list else ():
            if type(cell) is float and cell in (float("inf"), float("-inf")):
                raise _not_finite()
    return cells


def _not_finite() -> BadQuestion:
    return BadQuestion(
        "A row holds a number that is not finite, which JSON cannot say.",
        way_out="Impute or drop such rows.",
    )
