"""The Open Inference Protocol, version 2, over REST: MLServer, Triton, KServe, OpenVINO, ...

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
Binary tensors and Triton's `classification` parameter are not part of what is spoken here.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar, final

import numpy as np

from reticent.core import Answer, Column
from reticent.protocols._answers import (
    assembled,
    flat,
    name_of,
    names_of,
    numbers,
    outputs_of,
    written,
)
from reticent.protocols._body import (
    SAFE,
    bad_reply,
    known_settings,
    model_path,
    only,
    question_object,
    reply_body,
    setting,
)
from reticent.protocols._json import write
from reticent.protocols._rows import cells_of, in_order, read_rows
from reticent.protocols.base import (
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_BINARY = "inference-header-content-length"
_WHOLE_RANGES: Mapping[str, tuple[int, int]] = {
    **{f"INT{b}": (-(1 << (b - 1)), (1 << (b - 1)) - 1) for b in (8, 16, 32, 64)},
    **{f"UINT{b}": (0, (1 << b) - 1) for b in (8, 16, 32, 64)},
}
_FLOATS = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
_DATATYPES = (*_WHOLE_RANGES, *_FLOATS, "BOOL", "BYTES")
_SETTINGS = ("form", "input", "datatype", "scores")


@final
class OpenInference:
    """`POST /v2/models/MODEL[/versions/VERSION]/infer`.

    Settings:
        form: "tensor" (one input, a row a row of it; the default) or "columns" (an input a column).
        input: the tensor's name; default: the caller's, and "predict" for the auditor.
        datatype: the tensor's; default: the caller's, and FP64 for the auditor.
        scores: "second" if the server gives the probability of the second class alone.
    """

    kind: ClassVar[str] = "open-inference"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "embedding")

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, _SETTINGS, kind=self.kind)
        setting(interface, "form", ("tensor", "columns"), default="tensor")
        setting(interface, "datatype", ("", *_DATATYPES), default="")
        setting(interface, "scores", ("all", "second"), default="all")
        version = "/versions/{version}" if interface.version else ""
        return model_path(f"/v2/models/{{model}}{version}/infer", interface)

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the rows of one tensor, or of one tensor a column; raises BadQuestion."""
        if _BINARY in request.headers:
            raise BadQuestion(
                "The request has binary tensors, which are not supported here.",
                way_out="Send the data as JSON.",
            )
        body = question_object(request, needs=("inputs",))
        only(body, ("id", "parameters", "inputs", "outputs"))
        _parameters(body)
        details: dict[str, Any] = {}
        if "id" in body:
            details["id"] = _safe(body["id"], "id")
        if "outputs" in body:
            details["outputs"] = _outputs(body["outputs"], interface)
        inputs = body["inputs"]
        if type(inputs) is not list or not inputs or any(type(i) is not dict for i in inputs):
            raise BadQuestion("inputs is no list of objects.", way_out="Send one tensor or more.")
        tensors = [_tensor(each, interface) for each in inputs]
        if len(tensors) == 1 and (len(interface.columns) != 1 or len(tensors[0]["shape"]) == 2):
            rows, more = _from_tensor(tensors[0], interface)
        else:
            rows, more = _from_columns(tensors, interface)
        return Question(rows=rows, cost=len(rows), details={**details, **more})

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the rows as the server takes them; raises BadQuestion if it cannot."""
        wanted = tuple(interface.outputs) or question.details.get("outputs", ())
        body: dict[str, Any] = {"id": "1"}  # KServe wants one; the caller's is ours to echo
        if interface.settings.get("form") == "columns":
            body["parameters"] = {"content_type": "pd"}
            body["inputs"] = _as_columns(question, interface)
        else:
            body["inputs"] = [_as_tensor(question, interface)]
        if wanted:
            body["outputs"] = [{"name": name} for name in wanted]
        return WireRequest(method="POST", path=self.path(interface), body=write(body))

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return what the known outputs say; raises BadReply."""
        if _BINARY in response.headers:
            raise bad_reply("it has binary tensors")
        body = reply_body(response)
        outputs = body.get("outputs") if type(body) is dict else None
        if type(outputs) is not list:
            raise bad_reply("it has no outputs")
        n = len(question.rows)
        by_name = {
            each["name"]: each
            for each in outputs
            if type(each) is dict and type(each.get("name")) is str
        }
        if len(by_name) != len(outputs):
            raise bad_reply("an output has no name, or one has another's")
        found = outputs_of(by_name, interface)
        return assembled({m: _rows_of(found[m], n, m) for m in found}, n, interface)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return the outputs that the caller asked for, as far as the answer has them."""
        names = names_of(interface)
        asked: Sequence[str] = question.details.get("outputs", ())
        called = {names[name]: name for name in reversed(asked)}
        outputs = []
        for meaning, cells in written(answer, interface, tuple(called)).items():
            outputs.append(
                {
                    "name": called.get(meaning) or name_of(meaning, interface),
                    "shape": _shape_of(cells),
                    "datatype": _kind_of(interface.classes) if meaning == "label" else "FP64",
                    "data": cells if type(cells) is list else cells.ravel(),
                }
            )
        body: dict[str, Any] = {"model_name": interface.model}
        if "id" in question.details:
            body["id"] = question.details["id"]
        return write({**body, "outputs": outputs})

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return write({"error": message})


def _parameters(found: Mapping[str, Any]) -> None:
    parameters = found.get("parameters", {})
    if type(parameters) is not dict:
        raise BadQuestion("parameters is no object.", way_out="Leave it out.")
    only(parameters, ("content_type",), where="parameters")
    if parameters.get("content_type", "np") not in ("np", "pd", "str"):
        raise BadQuestion("content_type is not supported.", way_out="Leave it out.")


def _safe(text: Any, what: str) -> str:
    if type(text) is not str or not SAFE.fullmatch(text):
        raise BadQuestion(
            f"{what} is no plain text.",
            way_out="Use 1 to 128 letters, digits, spaces and . _ : / -",
        )
    return text


def _outputs(found: Any, interface: Interface) -> tuple[str, ...]:
    names = names_of(interface)
    wanted = []
    for each in found if type(found) is list else [None]:
        each = each if type(each) is dict else {}
        name = each.get("name")
        if type(name) is not str or name not in names or name in wanted:
            raise BadQuestion(
                "outputs holds something that is no output of this model, or one twice.",
                way_out="Leave outputs out to get all that the model answers.",
            )
        only(each, ("name", "parameters"), where="An output")
        _parameters(each)
        wanted.append(name)
    return tuple(wanted)


def _tensor(found: dict[str, Any], interface: Interface) -> dict[str, Any]:
    only(found, ("name", "shape", "datatype", "parameters", "data"), where="An input")
    _parameters(found)
    _safe(found.get("name"), "The name of an input")
    shape = found.get("shape")
    if (
        type(shape) is not list
        or not 1 <= len(shape) <= 8
        or any(type(d) is not int or not 1 <= d < 2**31 for d in shape)
    ):
        raise BadQuestion("The shape of an input is no list of counts.", way_out="Correct it.")
    if found.get("datatype") not in _DATATYPES:
        raise BadQuestion("The datatype of an input is unknown.", way_out="Use FP32, FP64, ...")
    if type(found.get("data")) is not list:
        raise BadQuestion("An input has no data.", way_out="Send its data as a list.")
    return found


def _from_tensor(tensor: dict[str, Any], interface: Interface) -> tuple[Any, dict[str, Any]]:
    wanted = (interface.settings.get("input"), interface.settings.get("datatype"))
    if wanted[0] not in (None, tensor["name"]) or wanted[1] not in (None, "", tensor["datatype"]):
        raise BadQuestion(
            "The input has another name or datatype than the model's.",
            way_out=f"The model takes {wanted[0] or 'any name'}, {wanted[1] or 'any datatype'}.",
        )
    shape = tensor["shape"]
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


def _from_columns(
    tensors: list[dict[str, Any]], interface: Interface
) -> tuple[Any, dict[str, Any]]:
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


def _as_tensor(question: Question, interface: Interface) -> dict[str, Any]:
    rows = cells_of(question.rows)
    name = interface.settings.get("input") or question.details.get("input", "predict")
    datatype = interface.settings.get("datatype") or question.details.get("datatype")
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
    if array.dtype.kind == "f" and bool((array == np.floor(array)).all()):
        array = array.astype(np.int64)
    return _typed(array, datatype if datatype in _WHOLE_RANGES else "INT64").ravel()


def _as_columns(question: Question, interface: Interface) -> list[dict[str, Any]]:
    rows = cells_of(question.rows, question.details.get("whole", ()))
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


def _rows_of(output: Mapping[str, Any], n: int, meaning: str) -> Any:
    """Return the cells of one output, a row a question."""
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
    found = numbers(output.get("data"))
    if found.size != prod(shape):
        raise bad_reply("an output's shape does not fit its data")
    return found.reshape(shape)


def _shape_of(cells: Any) -> list[int]:
    shape = [len(cells)] if type(cells) is list else list(cells.shape)
    return [*shape, 1] if len(shape) == 1 else shape


def _kind_of(classes: Sequence[object]) -> str:
    kinds = {type(value) for value in classes}
    names = {bool: "BOOL", int: "INT64", float: "FP64"}
    return (
        "INT64"
        if not kinds
        else names.get(next(iter(kinds)), "BYTES")
        if len(kinds) == 1
        else "BYTES"
    )
