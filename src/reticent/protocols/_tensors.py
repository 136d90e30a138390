"""Tensors of the Open Inference Protocol: from JSON to rows, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from math import prod
from struct import Struct
from typing import Any

import numpy as np

from reticent.core import Column
from reticent.core.answers import FEW
from reticent.protocols._answers import flat, numbers
from reticent.protocols._body import SAFE, bad_reply, only
from reticent.protocols._rows import WHOLE, cells_of, in_order, read_rows
from reticent.protocols.base import CHECKED, BadQuestion, Interface, Question

_WHOLE_RANGES: Mapping[str, tuple[int, int]] = {
    **{f"INT{b}": (-(1 << (b - 1)), (1 << (b - 1)) - 1) for b in (8, 16, 32, 64)},
    **{f"UINT{b}": (0, (1 << b) - 1) for b in (8, 16, 32, 64)},
}
_FLOATS = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
FEW_CELLS = 200
FORM = "form"  # in `Question.details`: the `PlainForm` of the question
_PLAIN = {"name", "shape", "datatype", "data"}
_FLOAT = {float}
_NUMBERS = {int, float}
_EXACT = 2**53
DATATYPES = (*_WHOLE_RANGES, *_FLOATS, "BOOL", "BYTES")


def check_parameters(found: Mapping[str, Any]) -> None:
    """Raise BadQuestion for parameters other than a known content type."""
    if "parameters" not in found:
        return
    parameters = found["parameters"]
    if type(parameters) is not dict:
        raise BadQuestion("parameters is no object.", way_out="Leave it out.")
    only(parameters, ("content_type",), where="parameters")
    if parameters.get("content_type", "np") not in ("np", "pd", "str"):
        raise BadQuestion("content_type is not supported.", way_out="Leave it out.")


def safe(text: Any, what: str) -> str:
    """Return a plain text; raises BadQuestion for another."""
    if type(text) is not str or not SAFE.fullmatch(text):
        raise BadQuestion(
            f"{what} is no plain text.",
            way_out="Use 1 to 128 letters, digits, spaces and . _ : / -",
        )
    return text


def check_tensor(found: dict[str, Any]) -> dict[str, Any]:
    """Return a tensor if its name, shape, datatype and data can be ones; raises BadQuestion."""
    only(found, ("name", "shape", "datatype", "parameters", "data"), where="An input")
    check_parameters(found)
    safe(found.get("name"), "The name of an input")
    shape = found.get("shape")
    if (
        type(shape) is not list
        or not 1 <= len(shape) <= 8
        or any(type(d) is not int or not 1 <= d < 2**31 for d in shape)
    ):
        raise BadQuestion("The shape of an input is no list of counts.", way_out="Correct it.")
    if found.get("datatype") not in DATATYPES:
        raise BadQuestion("The datatype of an input is unknown.", way_out="Use FP32, FP64, ...")
    if type(found.get("data")) is not list:
        raise BadQuestion("An input has no data.", way_out="Send its data as a list.")
    return found


@dataclass(slots=True, eq=False)
class PlainForm:
    """What a question of few rows of doubles in one tensor says, but for the doubles.

    Attributes:
        interface: of the model that was asked.
        name, datatype: the tensor's.
        rows, width: its shape.
        asking: what stands around the doubles as the server is asked; None before the first time.
        telling: and around the scores as the caller is told, by their shape.
    """

    interface: Interface
    name: str
    datatype: str
    rows: int
    width: int
    asking: tuple[bytes, bytes] | None = None
    telling: dict[tuple[int, int], tuple[bytes, bytes]] = field(default_factory=dict)

    def question(self, cells: list[Any]) -> Question | None:
        """Return the question; None to leave it to all the checks."""
        if len(cells) != self.rows * self.width:
            return None
        few = _few(cells, self.datatype)
        if few is None:
            return None
        rows = [few] if self.rows == 1 else _cut(few, self.width)
        details = {"input": self.name, "datatype": self.datatype, CHECKED: rows, FORM: self}
        return Question(rows=rows, cost=self.rows, details=details)


def plain_form(body: dict[str, Any], interface: Interface) -> PlainForm | None:
    """Return the form of what nearly every question is: few rows in one tensor, and nothing else.

    None leaves the question to all the checks; a question made of the form would pass them.
    """
    inputs = body["inputs"]
    if len(body) != 1 or type(inputs) is not list or len(inputs) != 1:
        return None
    tensor = inputs[0]
    if type(tensor) is not dict or tensor.keys() != _PLAIN:
        return None
    name, shape, datatype = tensor["name"], tensor["shape"], tensor["datatype"]
    if type(name) is not str or type(shape) is not list or type(tensor["data"]) is not list:
        return None
    if len(name) > 128:  # before it is remembered
        return None
    if len(shape) != 2 or len(interface.row_shape) > 1 or not _is_safe(name):
        return None
    n, width = shape
    if type(n) is not int or type(width) is not int or n < 1 or width < 1:
        return None
    wanted = len(interface.columns) or sum(interface.row_shape)
    settings = interface.settings
    if (wanted and width != wanted) or (
        settings and ("input" in settings or "datatype" in settings)
    ):
        return None
    return PlainForm(interface, name, datatype, n, width) if type(datatype) is str else None


@lru_cache(maxsize=1024)
def _is_safe(name: str) -> bool:
    return SAFE.fullmatch(name) is not None


def from_tensor(tensor: dict[str, Any], interface: Interface) -> tuple[Any, dict[str, Any]]:
    """Return the rows of one tensor, and what writing it again needs; raises BadQuestion."""
    wanted = (interface.settings.get("input"), interface.settings.get("datatype"))
    if wanted[0] not in (None, tensor["name"]) or wanted[1] not in (None, "", tensor["datatype"]):
        raise BadQuestion(
            "The input has another name or datatype than the model's.",
            way_out=f"The model takes {wanted[0] or 'any name'}, {wanted[1] or 'any datatype'}.",
        )
    shape = tensor["shape"]
    few = _few(tensor["data"], tensor["datatype"])
    if few is not None and len(shape) == 2 and shape[0] * shape[1] == len(few):
        width = len(interface.columns) if interface.columns else sum(interface.row_shape)
        if shape[1] == (width or shape[1]) and len(interface.row_shape) < 2:
            rows = [few] if shape[0] == 1 else _cut(few, shape[1])
            return rows, {"input": tensor["name"], "datatype": tensor["datatype"]}
    cells = flat(tensor["data"], len(shape) - 1)
    if len(cells) != prod(shape) or len(shape) < 2:
        raise BadQuestion(
            "The shape of an input does not fit its data.",
            way_out="It must be [rows, ...], with as many numbers in data.",
        )
    more = {"input": tensor["name"], "datatype": tensor["datatype"]}
    if tensor["datatype"] in ("BYTES", "BOOL"):
        width = prod(shape[1:])
        rows = [cells[i : i + width] for i in range(0, len(cells), width)]
        right = str if tensor["datatype"] == "BYTES" else bool
        if len(shape) != 2 or any(type(cell) is not right for cell in cells):
            raise BadQuestion("The data are not of the datatype.", way_out="Correct the data.")
        return read_rows(rows, interface)[0], more
    if not set(map(type, cells)) <= {int, float}:
        raise BadQuestion("The data are not of the datatype.", way_out="Send numbers.")
    typed = _typed(np.array(cells), tensor["datatype"]).reshape(shape)
    _demand_shape(typed, interface)
    return typed, more


def _few(cells: list[Any], datatype: str) -> list[float] | None:
    """Return a few numbers as a float datatype holds them; None where an array must decide.

    Not as an array, which costs more to make, check, hash and write than such few numbers do.
    """
    if not 0 < len(cells) <= FEW_CELLS or datatype not in ("FP64", "FP32"):
        return None
    kinds = set(map(type, cells))
    if kinds != _FLOAT:
        if not kinds <= _NUMBERS or max(cells) >= _EXACT or min(cells) <= -_EXACT:
            return None
        cells = list(map(float, cells))
    if datatype == "FP32":
        single = _singles(len(cells))
        try:
            cells = list(single.unpack(single.pack(*cells)))
        except OverflowError:
            return None
    total = sum(cells)
    if total - total != 0.0:  # infinite, NaN, or a sum out of range
        return None
    return [cell + 0.0 for cell in cells] if 0.0 in cells else cells


@lru_cache(maxsize=FEW_CELLS)
def _singles(count: int) -> Struct:
    return Struct(f"<{count}f")


def _cut(cells: list[float], width: int) -> list[list[float]]:
    return [cells[i : i + width] for i in range(0, len(cells), width)]


def few_of(rows: Sequence[list[float]]) -> list[float]:
    """Return the cells of checked rows."""
    return rows[0] if len(rows) == 1 else list(chain.from_iterable(rows))


def _few_out(rows: Any, datatype: str) -> list[float] | None:
    """Return rows as `_few` does."""
    if type(rows) is not list or not rows or set(map(type, rows)) != {list}:
        return None
    if len(rows) == 1:
        return _few(rows[0], datatype)
    if len(rows) > FEW_CELLS or len(set(map(len, rows))) != 1:
        return None
    return _few(list(chain.from_iterable(rows)), datatype)


def _typed(row: Any, datatype: str) -> Column:
    """Return numbers as the datatype holds them: what differs beyond it is one question."""
    found = np.asarray(row)
    if datatype in _FLOATS:
        with np.errstate(over="ignore"):
            found = found.astype(_FLOATS[datatype]).astype(np.float64)
        if np.isfinite(found).all():
            return found
    else:
        low, high = _WHOLE_RANGES[datatype]
        if found.dtype.kind == "i" and low <= int(found.min()) and int(found.max()) <= high:
            return found.astype(np.int64)
    raise BadQuestion("The data are not of the datatype.", way_out="Correct the data.")


def _demand_shape(rows: Column, interface: Interface) -> None:
    shape = rows.shape[1:]
    wanted = (len(interface.columns),) if interface.columns else interface.row_shape
    if wanted and shape != wanted:
        raise BadQuestion(
            "The rows have the wrong shape.", way_out=f"One row must have shape {list(wanted)}."
        )


def from_columns(tensors: list[dict[str, Any]], interface: Interface) -> tuple[Any, dict[str, Any]]:
    """Return the rows of a tensor a column, likewise."""
    columns = [flat(tensor["data"], 1) for tensor in tensors]
    n = len(columns[0])
    for tensor, cells in zip(tensors, columns, strict=True):
        if tensor["shape"] not in ([n], [n, 1]) or len(cells) != n:
            raise BadQuestion(
                "The columns have different lengths or shapes.", way_out="Send [n] or [n, 1]."
            )
    if not interface.columns:
        raise BadQuestion("Several inputs came.", way_out="This model takes one tensor.")
    rows = [list(row) for row in zip(*columns, strict=True)]
    return read_rows(in_order([t["name"] for t in tensors], rows, interface), interface)


def as_tensor(question: Question, interface: Interface) -> dict[str, Any]:
    """Return all rows as one tensor; raises BadQuestion if it cannot carry them."""
    name = interface.settings.get("input") or question.details.get("input", "predict")
    datatype = interface.settings.get("datatype") or question.details.get("datatype")
    rows = question.rows
    if rows is question.details.get(CHECKED):  # as read, and not been touched since
        few: list[float] | None = few_of(rows)
    else:
        few = _few_out(rows, datatype or "FP64")
    if few is not None:
        n = len(rows)
        shape = [n, len(few) // n]
        return {"name": name, "shape": shape, "datatype": datatype or "FP64", "data": few}
    rows = cells_of(question.rows)
    if type(rows) is list and all(type(cell) is str for cell in flat(rows, 1)):
        found, shape, datatype = flat(rows, 1), [len(rows), len(rows[0])], datatype or "BYTES"
    elif type(rows) is list and datatype == "BOOL":
        found, shape = flat(rows, 1), [len(rows), len(rows[0])]
    else:
        array = np.asarray(rows)
        if array.dtype.kind not in "fiu":
            raise BadQuestion(
                "The rows hold cells that one tensor cannot carry.",
                way_out='Set form = "columns" in the endpoint\'s settings.',
            )
        datatype = datatype or "FP64"
        found, shape = _typed_out(array, datatype), list(array.shape)
    return {"name": name, "shape": shape, "datatype": datatype, "data": found}


def _typed_out(array: Column, datatype: str) -> Any:
    if datatype in _FLOATS:
        return (_typed(array, datatype) + 0.0).ravel()
    if array.dtype.kind == "f" and bool(
        ((array == np.floor(array)) & (np.abs(array) < 2.0**63)).all()
    ):
        array = array.astype(np.int64)
    return _typed(array, datatype if datatype in _WHOLE_RANGES else "INT64").ravel()


def as_columns(question: Question, interface: Interface) -> list[dict[str, Any]]:
    """Return a tensor a column, of the datatype of its cells."""
    rows = cells_of(question.rows, question.details.get(WHOLE, ()))
    cells = rows.tolist() if isinstance(rows, np.ndarray) else rows
    inputs = []
    for name, column in zip(interface.columns, map(list, zip(*cells, strict=True)), strict=True):
        kinds = {type(cell) for cell in column if cell is not None}
        if kinds <= {int}:
            kind = "INT64"
        elif kinds <= {int, float}:
            kind, column = "FP64", [None if c is None else float(c) for c in column]
        else:
            kind = "BOOL" if kinds == {bool} else "BYTES"
        text = {"parameters": {"content_type": "str"}} if kind == "BYTES" else {}
        inputs.append(
            {"name": name, "shape": [len(column)], "datatype": kind, **text, "data": column}
        )
    return inputs


def rows_of(output: Mapping[str, Any], n: int, meaning: str) -> Any:
    """Return the cells of one output, a row a question; raises BadReply."""
    shape = output.get("shape")
    if type(shape) is not list or not shape or any(type(d) is not int or d < 0 for d in shape):
        raise bad_reply("an output has no shape")
    if shape[0] != n:
        raise bad_reply(f"an output has {shape[0]} rows, not {n}")
    if meaning == "label":
        cells = flat(output.get("data"))
        if len(cells) != n:
            raise bad_reply(f"{n} labels are needed")
        return cells
    data = output.get("data")
    if type(data) is list and len(data) <= FEW and set(map(type, data)) == _FLOAT:
        found = np.array(data)
    else:
        found = numbers(data)
    if found.size != prod(shape):
        raise bad_reply("an output's shape does not fit its data")
    return found.reshape(shape)


def few_scores(output: Any, n: int, interface: Interface) -> list[list[float]] | None:
    """Return the rows of an output of few plain scores; None for anything else."""
    if output is None:
        return None
    data, shape = output.get("data"), output.get("shape")
    if type(data) is not list or not data:
        return None
    k = len(data) // n
    if (
        type(shape) is not list
        or shape != [n, k]
        or set(map(type, shape)) != {int}
        or (interface.classes and k != len(interface.classes))
        or interface.settings.get("scores") == "second"
    ):
        return None
    return few_in_rows(data, n, k)


def few_in_rows(data: list[Any], n: int, k: int) -> list[list[float]] | None:
    """Return few plain numbers as n rows of k; None for anything else."""
    if len(data) != n * k or not 0 < len(data) <= FEW or set(map(type, data)) != _FLOAT:
        return None
    return [data] if n == 1 else _cut(data, k)


def shape_of(cells: Any) -> list[int]:
    """Return the shape under which cells are written, two dimensions at least."""
    shape = [len(cells)] if type(cells) is list else list(cells.shape)
    return [*shape, 1] if len(shape) == 1 else shape


def kind_of(classes: Sequence[object]) -> str:
    """Return the datatype of class values; of indices where there are none."""
    kinds = {type(value) for value in classes}
    names = {bool: "BOOL", int: "INT64", float: "FP64"}
    return (
        "INT64"
        if not kinds
        else names.get(next(iter(kinds)), "BYTES")
        if len(kinds) == 1
        else "BYTES"
    )
