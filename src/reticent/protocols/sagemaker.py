"""Amazon SageMaker's `/invocations`: JSON as its own algorithms speak it, and CSV.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

import csv
import io
import re
from typing import Any, ClassVar, final

import numpy as np

from reticent.core import Answer
from reticent.protocols._answers import assembled, predictions, read_predictions
from reticent.protocols._body import (
    bad_reply,
    check_status,
    known_settings,
    only,
    question_body,
    reply_body,
    setting,
)
from reticent.protocols._json import NotJson, read, write
from reticent.protocols._rows import WHOLE, by_name, cells_of, read_rows
from reticent.protocols.base import (
    JSON,
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

CSV = "text/csv"
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_FORMS = ("instances", "features", "rows", "csv")


@final
class SageMaker:
    """`POST /invocations`. Callers ask in JSON or CSV and are answered in JSON.

    In JSON, rows are a bare list, or come under `instances`, each as a list or as
    `{"features": [...]}`. CSV has a row a line and no header.

    Settings:
        form: how the server is asked: "instances" (lists; the default), "features" (objects),
            "rows" (a bare list) or "csv".
        scores: "second" if the server gives the probability of the second class alone.
    """

    kind: ClassVar[str] = "sagemaker"
    names_model: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "embedding")

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, ("form", "scores"), kind=self.kind)
        setting(interface, "form", _FORMS, default="instances")
        setting(interface, "scores", ("all", "second"), default="all")
        return interface.path or "/invocations"

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the rows; raises BadQuestion."""
        if request.media_type == CSV and request.method == "POST":
            cells: Any = _read_csv(request.body, interface)
        else:
            body = question_body(request, media_types=(JSON, CSV))
            if type(body) is dict:
                only(body, ("instances",))
                body = body.get("instances")
            cells = _features(body, interface)
        rows, whole = read_rows(cells, interface)
        return Question(rows=rows, cost=len(rows), details=whole)

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the rows in the server's form."""
        cells = cells_of(question.rows, question.details.get(WHOLE, ()))
        form = interface.settings.get("form", "instances")
        path, headers = self.path(interface), {"accept": JSON}
        if form == "csv":
            body, kind = _write_csv(cells), CSV
            return WireRequest(
                method="POST",
                path=path,
                body=body,
                media_type=kind,
                headers={"accept": f"{JSON}, {CSV}"},
            )
        if form == "features":
            listed = cells if type(cells) is list else cells.tolist()
            cells = [{"features": row} for row in listed]
        value = cells if form == "rows" else {"instances": cells}
        return WireRequest(method="POST", path=path, body=write(value), headers=headers)

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return what the container answered, in JSON or CSV; raises BadReply."""
        n = len(question.rows)
        if response.media_type == CSV:
            check_status(response)
            return _answer_of_csv(response.body, n, interface)
        body = reply_body(response)
        if type(body) is dict:
            body = body.get("predictions")
        return read_predictions(body, n, interface)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return `predictions`, one a row."""
        return write({"predictions": predictions(answer, interface)})

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return write({"error": message})


def _features(rows: Any, interface: Interface) -> Any:
    if type(rows) is not list or not rows or type(rows[0]) is not dict:
        return rows
    if interface.columns and interface.columns != ("features",) and "features" not in rows[0]:
        return by_name(rows, interface)
    if any(type(row) is not dict or list(row) != ["features"] for row in rows):
        raise BadQuestion("A row is no list of features.", way_out='Send {"features": [...]}.')
    return [row["features"] for row in rows]


def _read_csv(body: bytes, interface: Interface) -> list[list[Any]]:
    try:
        text = body.decode("utf-8")
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise BadQuestion("The body is no CSV in UTF-8.", way_out="Correct it.") from None
    texts = bool(interface.columns)
    return [[_cell(cell, texts=texts) for cell in line] for line in lines if line]


def _cell(text: str, *, texts: bool) -> Any:
    found = text.strip(" ")
    if _NUMBER.fullmatch(found):
        number = float(found)
        if abs(number) == float("inf"):
            raise BadQuestion("A number is out of range.", way_out="Send finite numbers.")
        whole = found.lstrip("-").isdigit() and abs(number) < 2**53
        return int(found) if whole else number
    if not texts:
        raise BadQuestion("A cell is no number.", way_out="Send numbers, and no header line.")
    return found or None


def _write_csv(cells: Any) -> bytes:
    """Return rows as CSV a line each; texts are always quoted."""
    rows = cells if type(cells) is list else cells.tolist()
    lines = []
    for row in rows:
        shown = []
        for cell in row:
            if isinstance(cell, (list, tuple)):
                raise BadQuestion("A row is no flat list.", way_out="CSV carries flat rows only.")
            if isinstance(cell, str):
                shown.append('"' + cell.replace('"', '""') + '"')
            else:
                shown.append("" if cell is None or cell != cell else write(cell).decode())
        lines.append(",".join(shown))
    return ("\n".join(lines) + "\n").encode()


def _answer_of_csv(body: bytes, n: int, interface: Interface) -> Answer:
    """Return the answer in one line of n cells, or in n lines."""
    try:
        text = body.decode("utf-8").strip()
        listed = read(f"[{text}]".encode()) if text.startswith("[") else None
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except (UnicodeDecodeError, csv.Error, NotJson):
        raise bad_reply("it is no CSV in UTF-8") from None
    if listed is not None:
        return read_predictions(listed, n, interface)
    if len(lines) == 1 and n > 1:
        lines = [[cell] for cell in lines[0]]
    if len(lines) != n:
        raise bad_reply(f"it has {len(lines)} lines for {n} rows")
    names = list(interface.outputs.values())
    if len(names) > 1 and all(len(line) == len(names) for line in lines):
        columns = {m: [_said(line[j]) for line in lines] for j, m in enumerate(names)}
        return assembled(columns, n, interface)
    cells = [[_said(cell) for cell in line] for line in lines]
    return read_predictions(cells if len(cells[0]) > 1 else [c[0] for c in cells], n, interface)


def _said(text: str) -> Any:
    if text.startswith("["):
        try:
            return read(text.encode())
        except NotJson:
            return text
    if not _NUMBER.fullmatch(text):
        return text or None
    number = float(text)
    return number if np.isfinite(number) and not text.lstrip("-").isdigit() else int(text)
