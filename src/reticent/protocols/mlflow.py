"""MLflow's scoring protocol.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#local-inference-server-spec
"""

from typing import Any, ClassVar, final

from reticent.core import Answer
from reticent.protocols._answers import predictions, read_predictions
from reticent.protocols._body import (
    bad_reply,
    known_settings,
    only,
    question_object,
    reply_body,
    setting,
)
from reticent.protocols._json import write
from reticent.protocols._rows import WHOLE, by_name, cells_of, in_order, read_rows
from reticent.protocols.base import (
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_PATH = "/invocations"
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_ERRORS = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


@final
class Mlflow:
    """`POST /invocations` with dataframe_split, dataframe_records, instances or inputs.

    `params` are refused: they change what the model answers in ways no audit has seen. The server
    is asked in one form: dataframe_split where columns are declared, else in the caller's.

    Settings:
        form: the form in which the server is asked, if it must be another.
        scores: "second" if the server gives the probability of the second class alone.
    """

    kind: ClassVar[str] = "mlflow"
    names_model: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "embedding")

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, ("form", "scores"), kind=self.kind)
        setting(interface, "form", ("", *_FORMS), default="")
        setting(interface, "scores", ("all", "second"), default="all")
        return interface.path or _PATH

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the rows of whichever form came; raises BadQuestion."""
        body = question_object(request, needs=_FORMS)
        only(body, _FORMS)
        form, found = next(iter(body.items()))
        if form == "dataframe_split":
            cells = _split(found, interface)
        elif form == "dataframe_records":
            cells = by_name(found, interface)
        else:
            cells = _tensor(found, interface)
        rows, whole = read_rows(cells, interface)
        return Question(rows=rows, cost=len(rows), details={**whole, "form": form})

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the rows in the server's form."""
        columns = list(interface.columns)
        form = interface.settings.get("form") or (
            "dataframe_split" if columns else question.details.get("form", "inputs")
        )
        cells = cells_of(question.rows, question.details.get(WHOLE, ()))
        if form == "dataframe_split":
            found: Any = {"columns": columns, "data": cells} if columns else {"data": cells}
        elif form == "dataframe_records":
            rows = cells if type(cells) is list else cells.tolist()
            found = [dict(zip(columns, row, strict=True)) for row in rows]
        else:
            found = cells
        return WireRequest(method="POST", path=interface.path or _PATH, body=write({form: found}))

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return what `predictions` say; raises BadReply."""
        body = reply_body(response)
        if type(body) is not dict or "predictions" not in body:
            raise bad_reply("it has no predictions")
        return read_predictions(body["predictions"], len(question.rows), interface)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return `predictions`, one a row."""
        return write({"predictions": predictions(answer, interface)})

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object with MLflow's word for the status."""
        return write({"error_code": _ERRORS.get(status, "INTERNAL_ERROR"), "message": message})


def _split(found: Any, interface: Interface) -> Any:
    if type(found) is not dict:
        raise BadQuestion("dataframe_split is no object.", way_out="Send columns and data.")
    only(found, ("columns", "index", "data"), where="dataframe_split")
    rows = found.get("data")
    if "index" in found:
        index = found["index"]
        if type(rows) is not list or type(index) is not list or len(index) != len(rows):
            raise BadQuestion("index does not fit the data.", way_out="Leave it out.")
    if "columns" not in found or (not interface.columns and type(found["columns"]) is list):
        return rows
    return in_order(found["columns"], rows, interface)


def _tensor(found: Any, interface: Interface) -> Any:
    """Return rows of `instances` or `inputs`: lists, objects, or an object of columns."""
    if type(found) is list and found and type(found[0]) is dict:
        return by_name(found, interface)
    if type(found) is not dict:
        return found
    if not interface.columns or set(found) != set(interface.columns):
        raise BadQuestion("The columns are not the model's.", way_out="Name each of them once.")
    columns = [found[name] for name in interface.columns]
    if any(type(column) is not list or len(column) != len(columns[0]) for column in columns):
        raise BadQuestion("The columns have different lengths.", way_out="Correct them.")
    return [list(row) for row in zip(*columns, strict=True)]
