"""TorchServe's inference API, as far as its bodies are JSON.

Source: https://docs.pytorch.org/serve/inference_api.html. A handler decides what a body looks like;
what the documentation and the built-in handlers show is what is spoken here.
"""

from typing import Any, ClassVar, final

import numpy as np

from reticent.core import Answer
from reticent.protocols._answers import assembled, label_cells, predictions, read_predictions
from reticent.protocols._body import (
    bad_reply,
    known_settings,
    model_path,
    only,
    question_body,
    reply_body,
    setting,
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

_TYPES = {
    400: "BadRequestException",
    404: "ModelNotFoundException",
    405: "MethodNotAllowedException",
    429: "TooManyRequestsException",
    503: "ServiceUnavailableException",
}


@final
class TorchServe:
    """`POST /predictions/MODEL[/VERSION]` with `{"data": rows}`, `{"instances": rows}` or rows.

    An answer is a list of one prediction a row, such a list under `predictions`, the prediction
    itself if one row was asked, or an object of a probability a class.

    Settings:
        request: "data" (the default), "instances" or "rows": the form in which the server is asked.
        reply: "rows" (the default), "predictions", "one" (the prediction of a single row itself)
            or "classes" (probabilities keyed by class): the form that callers get.
        scores: "second" if the server gives the probability of the second class alone.
    """

    kind: ClassVar[str] = "torchserve"
    names_model: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "embedding")

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, ("request", "reply", "scores"), kind=self.kind)
        setting(interface, "request", ("data", "instances", "rows"), default="data")
        setting(interface, "reply", ("rows", "predictions", "one", "classes"), default="rows")
        setting(interface, "scores", ("all", "second"), default="all")
        version = "/{version}" if interface.version else ""
        return model_path(f"/predictions/{{model}}{version}", interface)

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the rows; raises BadQuestion."""
        body = question_body(request)
        if type(body) is dict:
            only(body, ("data", "instances"))
            if len(body) != 1:
                raise BadQuestion(
                    "The body is not one list of rows.", way_out='Send {"data": [...]}'
                )
            (body,) = body.values()
        if type(body) is list and body and type(body[0]) is dict:
            wrapped = all(type(row) is dict and list(row) == ["data"] for row in body)
            if wrapped and interface.columns != ("data",):
                body = [row["data"] for row in body]
            else:
                body = by_name(body, interface)
        rows, whole = read_rows(body, interface)
        return Question(rows=rows, cost=len(rows), details=whole)

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the rows in the server's form."""
        cells: Any = cells_of(question.rows, question.details.get(WHOLE, ()))
        form = interface.settings.get("request", "data")
        body = cells if form == "rows" else {form: cells}
        return WireRequest(method="POST", path=self.path(interface), body=write(body))

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return what the handler answered; raises BadReply."""
        body = reply_body(response)
        n = len(question.rows)
        if type(body) is dict and "predictions" in body:
            body = body["predictions"]
        if n == 1 and not _is_list_of_one(body, interface):
            body = [body]
        if type(body) is list and body and type(body[0]) is dict and interface.classes:
            shares = _shares(body, interface)
            if shares is not None:
                if len(body) != n:
                    raise bad_reply(f"{n} predictions are needed")
                return assembled({"scores": shares}, n, interface)
        return read_predictions(body, n, interface)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return one prediction a row, in the form that the settings name."""
        form = interface.settings.get("reply", "rows")
        cells = predictions(answer, interface)
        if form == "classes" and answer.scores is not None and interface.classes:
            names = [str(value) for value in interface.classes]
            shown = (answer.scores + 0.0).tolist()
            cells = [dict(zip(names, row, strict=True)) for row in shown]
        elif form == "classes" and answer.labels is not None:
            cells = label_cells(answer.labels, interface)
        if form == "predictions":
            return write({"predictions": cells})
        if form in ("one", "classes") and len(question.rows) == 1:
            cells = cells.tolist() if isinstance(cells, np.ndarray) else cells
            return write(cells[0])
        return write(cells)

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object with TorchServe's word for the status."""
        kind = _TYPES.get(status, "InternalServerException")
        return write({"code": status, "type": kind, "message": message})


def _is_list_of_one(body: Any, interface: Interface) -> bool:
    """Return whether the answer to one row is a list of predictions, or the prediction itself."""
    if type(body) is not list or len(body) != 1:
        return False
    # [0.3, 0.7] are the scores of a row, [[0.3, 0.7]] a list of them; a vector of one is rare.
    return interface.settings.get("reply") != "one" or type(body[0]) is not float


def _shares(body: list[Any], interface: Interface) -> list[list[Any]] | None:
    """Return scores in the order of the classes, null for those that are not shown."""
    names = [str(value) for value in interface.classes]
    known = set(names)
    if any(type(row) is not dict or not row or not set(row) <= known for row in body):
        return None
    return [[row.get(name) for name in names] for row in body]
