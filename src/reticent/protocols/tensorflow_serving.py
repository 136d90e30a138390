"""TensorFlow Serving's `:predict` over REST, which is KServe's protocol version 1 too.

Source: https://www.tensorflow.org/tfx/serving/api_rest and
https://kserve.github.io/website/latest/modelserving/data_plane/v1_protocol/
"""

from typing import Any, ClassVar, final

from reticent.core import Answer
from reticent.protocols._answers import (
    assembled,
    name_of,
    outputs_of,
    predictions,
    read_predictions,
    written,
)
from reticent.protocols._body import (
    bad_reply,
    known_settings,
    model_path,
    only,
    question_object,
    reply_body,
    setting,
    text_setting,
)
from reticent.protocols._json import write
from reticent.protocols._rows import WHOLE, by_name, cells_of, read_rows
from reticent.protocols.base import (
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_SETTINGS = ("signature", "input", "rows", "scores")


@final
class TensorFlowServing:
    """`POST /v1/models/MODEL[/versions/VERSION]:predict`, in row or in column format.

    Settings:
        signature: the only `signature_name` that callers may give; sent to the server if set.
        input: the name of the one input tensor, if the server wants it named.
        rows: "lists" (the default), or "objects" if the server takes rows keyed by column.
        scores: "second" if the server gives the probability of the second class alone.
    """

    kind: ClassVar[str] = "tensorflow-serving"
    names_model: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "embedding")

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, _SETTINGS, kind=self.kind)
        text_setting(interface, "signature")
        text_setting(interface, "input")
        setting(interface, "rows", ("lists", "objects"), default="lists")
        setting(interface, "scores", ("all", "second"), default="all")
        return _path(interface)

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the rows of `instances`, or of `inputs`; raises BadQuestion."""
        body = question_object(request, needs=("instances", "inputs"))
        only(body, ("signature_name", "instances", "inputs"))
        signature = interface.settings.get("signature", "serving_default")
        if body.get("signature_name", signature) != signature:
            raise BadQuestion("This signature is not served here.", way_out="Leave it out.")
        by_column = "inputs" in body
        cells = body["inputs"] if by_column else body["instances"]
        cells = _by_column(cells, interface) if by_column else _by_row(cells, interface)
        rows, whole = read_rows(cells, interface)
        return Question(rows=rows, cost=len(rows), details={**whole, "by_column": by_column})

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the rows in row format; in column format if they came in it."""
        rows = cells_of(question.rows, question.details.get(WHOLE, ()))
        body: dict[str, Any] = {}
        if "signature" in interface.settings:
            body["signature_name"] = interface.settings["signature"]
        name = interface.settings.get("input")
        named = interface.settings.get("rows") == "objects"
        cells = rows if type(rows) is list or not (named or name) else rows.tolist()
        if question.details.get("by_column"):
            if named:
                columns = zip(interface.columns, zip(*cells, strict=True), strict=True)
                body["inputs"] = {column: list(values) for column, values in columns}
            else:
                body["inputs"] = {name: cells} if name else cells
        elif named:
            body["instances"] = [dict(zip(interface.columns, row, strict=True)) for row in cells]
        else:
            body["instances"] = [{name: row} for row in cells] if name else cells
        return WireRequest(method="POST", path=_path(interface), body=write(body))

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return what `predictions` or `outputs` say; raises BadReply."""
        body = reply_body(response)
        n = len(question.rows)
        if type(body) is dict and "predictions" in body:
            return read_predictions(body["predictions"], n, interface)
        if type(body) is not dict or "outputs" not in body:
            raise bad_reply("it has neither predictions nor outputs")
        outputs = body["outputs"]
        if type(outputs) is not dict:
            return read_predictions(outputs, n, interface)
        return assembled(outputs_of(outputs, interface), n, interface)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return `predictions`, or `outputs` to a question in column format."""
        if not question.details.get("by_column"):
            return write({"predictions": predictions(answer, interface)})
        if len(interface.outputs) > 1:
            parts = written(answer, interface)
            return write({"outputs": {name_of(m, interface): parts[m] for m in parts}})
        return write({"outputs": predictions(answer, interface)})

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return write({"error": message})


def _path(interface: Interface) -> str:
    version = "/versions/{version}" if interface.version else ""
    return model_path(f"/v1/models/{{model}}{version}:predict", interface)


def _by_row(cells: Any, interface: Interface) -> Any:
    if type(cells) is not list or not cells or type(cells[0]) is not dict:
        return cells
    name = interface.settings.get("input")
    if name is None:
        return by_name(cells, interface)
    if any(type(cell) is not dict or list(cell) != [name] for cell in cells):
        raise BadQuestion("A row does not name the input.", way_out=f"Send {{{name!r}: [...]}}.")
    return [cell[name] for cell in cells]


def _by_column(cells: Any, interface: Interface) -> Any:
    if type(cells) is not dict:
        return cells
    name = interface.settings.get("input")
    if name is not None and list(cells) == [name]:
        return cells[name]
    if not interface.columns or set(cells) != set(interface.columns):
        raise BadQuestion(
            "inputs does not name exactly the model's inputs.", way_out="Correct the names."
        )
    columns = [cells[column] for column in interface.columns]
    if any(type(column) is not list or len(column) != len(columns[0]) for column in columns):
        raise BadQuestion("The columns have different lengths.", way_out="Correct them.")
    # [[1], [2]] is a column too: tensors of one number a row come so.
    plain = [[c[0] if type(c) is list and len(c) == 1 else c for c in column] for column in columns]
    return [list(row) for row in zip(*plain, strict=True)]
