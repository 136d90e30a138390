"""Whether a question is one that the model takes: types, ranges, allowed values, text.

A refusal is one of a few fixed words. It never says which cell, which value or which range, or
the ranges could be found by asking, and with them something of the data behind the model.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import ge, le
from typing import Any, final

import numpy as np

from reticent.config.guard import Endpoint, Input
from reticent.core import BadInput
from reticent.protocols.base import CHECKED, Question

NO_ROWS = "no rows"
TOO_MANY_ROWS = "too many rows"
WRONG_SHAPE = "wrong number of inputs"
OUTSIDE = "outside of what this model takes"
REFUSALS = (NO_ROWS, TOO_MANY_ROWS, WRONG_SHAPE, OUTSIDE)

_MOST = sys.float_info.max
_EXACT = 2**53  # integers up to here are exact in a double, whatever reads them
_INT64 = (-(2**63), 2**63 - 1)
_LITTLE = 200  # cells below which a loop is quicker than numpy

_NUMBERS = frozenset({int, float})
_Check = Callable[[Sequence[Any]], bool]


@final
class Validator:
    """Checks the questions to one endpoint; compiled once, quick to use.

    Numbers must be finite; a truth value is no number and a number no truth value. Where a number
    is declared, an integer must be exact as a double; where an integer is, it must fit 64 bits.
    Text must be valid Unicode without NUL, of any normalisation form. Where neither inputs nor
    row_shape are declared, no more than this is checked.

    Args:
        endpoint: declares inputs, row_shape and max_rows.

    Raises: BadInput if an input's declaration contradicts itself.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._max_rows = endpoint.max_rows
        self._shape = endpoint.row_shape or ((len(endpoint.inputs),) if endpoint.inputs else ())
        self._inputs = endpoint.inputs
        for declared in endpoint.inputs:
            _contradictions(declared)
        self._checks: tuple[_Check, ...] = tuple(_check_of(i) for i in endpoint.inputs)
        plain = all(_is_plain(i) for i in endpoint.inputs) and len(self._shape) == 1
        self._width = self._shape[0] if plain else -1
        self._low = tuple(-_MOST if i.low is None else i.low for i in endpoint.inputs)
        self._high = tuple(_MOST if i.high is None else i.high for i in endpoint.inputs)
        if plain and not endpoint.inputs:
            self._low, self._high = (-_MOST,) * self._width, (_MOST,) * self._width
        self._bounds: dict[Any, tuple[Any, Any]] = {}

    def check(self, question: Question) -> str:
        """Return "" if the model takes this question, else one of `REFUSALS`."""
        rows = question.rows
        count = len(rows)
        if count == 0:
            return NO_ROWS
        if count > self._max_rows or question.cost > self._max_rows:
            return TOO_MANY_ROWS
        if isinstance(rows, np.ndarray):
            return self._check_array(rows)
        if self._width >= 0:
            floats = question.details.get(CHECKED) is rows
            return self._check_plain(rows, count, floats=floats)
        if self._checks:
            return self._check_columns(rows, count)
        if self._shape:
            return self._check_nested(rows)
        return "" if all(map(_is_sane, rows)) else OUTSIDE

    def _check_plain(self, rows: Sequence[Any], count: int, *, floats: bool) -> str:
        """Check rows of numbers alone."""
        width = self._width
        if count * width > _LITTLE:
            return self._check_many(rows)
        low, high = self._low, self._high
        if floats:  # lists of floats, as the protocol has seen
            for row in rows:
                if len(row) != width:
                    return WRONG_SHAPE
                if not (all(map(le, low, row)) and all(map(ge, high, row))):
                    return OUTSIDE
            return ""
        for row in rows:
            if type(row) is not list or len(row) != width:
                return WRONG_SHAPE
            types = set(map(type, row))
            if not types <= _NUMBERS:
                return OUTSIDE
            # Both comparisons are false for NaN, and the bounds are finite.
            if not (all(map(le, low, row)) and all(map(ge, high, row))):
                return OUTSIDE
            if int in types and not all(map(_is_exact, row)):
                return OUTSIDE
        return ""

    def _check_many(self, rows: Sequence[Any]) -> str:
        width = self._width
        if set(map(type, rows)) != {list} or set(map(len, rows)) != {width}:
            return WRONG_SHAPE
        types = set(map(type, chain.from_iterable(rows)))
        if not types <= _NUMBERS:
            return OUTSIDE
        if int in types and not all(map(_is_exact, chain.from_iterable(rows))):
            return OUTSIDE
        return self._check_array(np.array(rows, dtype=np.float64))

    def _check_array(self, rows: "np.ndarray[Any, Any]") -> str:
        if self._shape and rows.shape[1:] != self._shape:
            return WRONG_SHAPE
        kind = rows.dtype.kind
        if self._width >= 0 and kind in "fiu":
            if kind != "f" and not _exact_integers(rows):
                return OUTSIDE
            low, high = self._bounds_as(rows.dtype)
            return "" if bool(((rows >= low) & (rows <= high)).all()) else OUTSIDE
        if self._checks:
            return self._check_columns(self._as_cells(rows), len(rows))
        if kind == "f":
            return "" if bool(np.isfinite(rows).all()) else OUTSIDE
        return "" if kind in "iu" and _exact_integers(rows) else OUTSIDE

    def _check_columns(self, rows: Sequence[Any], count: int) -> str:
        width = len(self._checks)
        if width == 1 and type(rows[0]) is str:
            return "" if self._checks[0](rows) else OUTSIDE
        if any(type(row) is not list or len(row) != width for row in rows):
            return WRONG_SHAPE
        columns: Iterable[Sequence[Any]] = zip(*rows, strict=True)
        for check, column in zip(self._checks, columns, strict=True):
            if not check(column):
                return OUTSIDE
        return ""

    def _check_nested(self, rows: Sequence[Any]) -> str:
        level: Sequence[Any] = rows
        for length in self._shape:
            if set(map(type, level)) != {list} or set(map(len, level)) != {length}:
                return WRONG_SHAPE
            level = list(chain.from_iterable(level))
        types = set(map(type, level))
        if list in types:
            return WRONG_SHAPE
        if not types <= _NUMBERS:
            return OUTSIDE
        return "" if all(map(_is_sane, level)) else OUTSIDE

    def _bounds_as(self, dtype: Any) -> tuple[Any, Any]:
        """Return the bounds in the precision of the rows: 0.1 is within [0, 0.1] in any."""
        if dtype.kind != "f":
            dtype = np.dtype(np.float64)
        if dtype not in self._bounds:
            most = float(np.finfo(dtype).max)
            self._bounds[dtype] = (
                np.clip(self._low, -most, most).astype(dtype),
                np.clip(self._high, -most, most).astype(dtype),
            )
        return self._bounds[dtype]

    def _as_cells(self, rows: "np.ndarray[Any, Any]") -> list[Any]:
        cells: list[Any] = rows.tolist()
        return cells


def _contradictions(declared: Input) -> None:
    numeric = declared.kind in ("number", "integer")
    if not numeric and (declared.low is not None or declared.high is not None):
        raise BadInput(
            f"Input {declared.name!r} is {declared.kind} and has a range.",
            way_out='Leave out low and high, or set kind = "number".',
        )
    low = -math.inf if declared.low is None else declared.low
    if low > (math.inf if declared.high is None else declared.high):
        raise BadInput(
            f"Input {declared.name!r} has low = {declared.low} above high = {declared.high}.",
            way_out="Swap them.",
        )
    for value in declared.values:
        if not _check_of(declared.model_copy(update={"values": ()}))([value]):
            raise BadInput(
                f"Input {declared.name!r} allows {value!r}, which its kind or range does not.",
                way_out="Correct values, kind or range.",
            )


def _is_plain(declared: Input) -> bool:
    return declared.kind == "number" and not declared.values and not declared.missing


def _check_of(declared: Input) -> _Check:
    """Return what tells whether all cells of a column are allowed."""
    kind = {"number": _number, "integer": _integer, "text": _text, "boolean": _boolean}
    inner = kind[declared.kind](declared)
    if not declared.values and not declared.missing:
        return inner
    allowed = frozenset(declared.values)  # after the types were checked: 1 is not True then

    def check(cells: Sequence[Any]) -> bool:
        if declared.missing:
            cells = [cell for cell in cells if cell is not None]
        return inner(cells) and (not allowed or allowed.issuperset(cells))

    return check


def _number(declared: Input) -> _Check:
    low = -_MOST if declared.low is None else declared.low
    high = _MOST if declared.high is None else declared.high

    def check(cells: Sequence[Any]) -> bool:
        return (
            _NUMBERS.issuperset(map(type, cells))
            and all(low <= cell <= high for cell in cells)
            and all(map(_is_exact, cells))
        )

    return check


def _integer(declared: Input) -> _Check:
    low = _INT64[0] if declared.low is None else declared.low
    high = _INT64[1] if declared.high is None else declared.high

    def fits(cell: Any) -> bool:
        if type(cell) is int:
            return _INT64[0] <= cell <= _INT64[1] and low <= cell <= high
        # 3.0 is an integer, as arrays of doubles carry it, as far as doubles are exact.
        return (
            type(cell) is float
            and -_EXACT <= cell <= _EXACT
            and cell.is_integer()
            and low <= cell <= high
        )

    def check(cells: Sequence[Any]) -> bool:
        return all(map(fits, cells))

    return check


def _text(declared: Input) -> _Check:
    longest = declared.longest

    def check(cells: Sequence[Any]) -> bool:
        return all(type(cell) is str and len(cell) <= longest for cell in cells) and _is_text(
            "".join(cells)
        )

    return check


def _boolean(_: Input) -> _Check:
    def check(cells: Sequence[Any]) -> bool:
        return all(type(cell) is bool for cell in cells)

    return check


def _is_exact(number: float) -> bool:
    """Return whether a double holds this number as it was written."""
    if type(number) is float or -_EXACT <= number <= _EXACT:
        return True
    return -_MOST <= number <= _MOST and int(float(number)) == number


def _exact_integers(rows: "np.ndarray[Any, Any]") -> bool:
    """Return whether doubles hold all these integers."""
    if rows.dtype.itemsize < 8 or rows.size == 0:
        return True
    least, most = int(rows.min()), int(rows.max())
    if least >= -_EXACT and most <= _EXACT:
        return True
    return all(map(_is_exact, rows.ravel().tolist()))


def _is_text(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    try:
        text.encode("utf-8")  # a lone surrogate cannot be
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_sane(cell: Any) -> bool:
    """Return whether a cell of which nothing was declared can be passed on at all."""
    if type(cell) is str:  # nearly all: a prompt
        return _is_text(cell)
    waiting = [cell]
    while waiting:  # no recursion: callers choose how deep it goes
        cell = waiting.pop()
        kind = type(cell)
        if kind is list:
            waiting += cell
        elif kind is float:
            if not math.isfinite(cell):
                return False
        elif kind is int:
            if not _is_exact(cell):
                return False
        elif kind is str:
            if not _is_text(cell):
                return False
        elif cell is not None and kind is not bool:
            return False
    return True
