"""What real servers were asked and said, read by the protocol that speaks to them.

The table names every recorded exchange that a guard would let through, and what it makes of it.
All others must be refused: as questions, or as replies.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from served.exchange import Exchange, recordings

from reticent.core import Answer, canonical_rows, check_raw
from reticent.protocols import (
    BadQuestion,
    BadReply,
    Interface,
    Question,
    WireProtocol,
    WireRequest,
    WireResponse,
    protocol_kinds,
)

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SHAPES = {"digits": (64,), "diabetes": (10,)}
PROTOCOLS = {
    "mlserver": "open-inference",
    "triton": "open-inference",
    "kserve": "tensorflow-serving",
    "tensorflow-serving": "tensorflow-serving",
    "mlflow": "mlflow",
    "sagemaker": "sagemaker",
    "torchserve": "torchserve",
}
SECOND = {"scores": "second"}
ONE, THREE = [0], [0, 1, 2]

#: server -> exchange -> labels (of scores too), or the kind of what else is answered.
ANSWERED: dict[str, dict[str, object]] = {
    "mlserver": {
        "one row, default output (labels)": ONE,
        "one row, predict_proba asked for": ONE,
        "three rows nested, labels and probabilities, with an id": THREE,
        "three rows flat": THREE,
        "by version": ONE,
        "content types as parameters": ONE,
        "ten classes": ONE,
        "a regression": "values",
        "gzip accepted": ONE,
        "a data frame, a column a tensor": [0, 0],
    },
    "triton": {
        "one row, all outputs": ONE,
        "one row, scores asked for": ONE,
        "three rows, an id": THREE,
        "by version": ONE,
        "ten classes": ONE,
    },
    "kserve": {
        "one row: scores": ONE,
        "three rows: scores": THREE,
        "one row: a label": ONE,
        "three rows: labels": THREE,
        "two rows: objects": [0, 1],
        "ten classes": ONE,
        "a regression": "values",
        "a cloud event": ONE,
    },
    "tensorflow-serving": {
        "row format, one named output (as the server prints it: indented)": ONE,
        "row format, two rows": [0, 1],
        "row format, by version": ONE,
        "row format, by version label": ONE,
        "row format, signature named": ONE,
        "row format, several named outputs: objects": [0, 1],
        "column format, one named output": [0, 1],
        "column format, one named input and several named outputs": [0, 1],
    },
    "mlflow": {
        "one row, split: scores": ONE,
        "three rows, split: scores": THREE,
        "three rows, records: scores": THREE,
        "an index beside the rows": THREE,
        "rows as `inputs`: scores": THREE,
        "columns as `inputs`: scores": THREE,
        "one row: a label": ONE,
        "rows as `inputs`: labels": THREE,
        "rows as `instances`: labels": THREE,
        "whole numbers": ONE,
    },
    "sagemaker": {
        "CSV, one row, a probability (XGBoost, binary:logistic)": [1],
        "CSV, two rows, a probability each, all on one line": [1, 0],
        "CSV, two rows, a line each (batch mode)": [1, 0],
        "CSV, three classes (XGBoost, multi:softprob): lists on one line": [0, 1],
        "CSV, label and quoted list of probabilities (selectable inference)": [0, 1],
        "JSON answer with all that selectable inference has": [1, 0],
        "JSON, binary classification (linear learner)": ONE,
        "JSON, three rows": [0, 1, 0],
        "JSON, regression": "values",
        "JSON, scikit-learn container: a bare list of labels": [0, 1],
        "JSON, scikit-learn container whose predict_fn gives probabilities": ONE,
        "a container of TensorFlow Serving": ONE,
    },
    "torchserve": {"a JSON body; a handler that answers with a list of scores": ONE},
}
BINARY = {
    "CSV, one row, a probability (XGBoost, binary:logistic)",
    "CSV, two rows, a probability each, all on one line",
    "CSV, two rows, a line each (batch mode)",
    "JSON, binary classification (linear learner)",
    "JSON, three rows",
}


@dataclass(frozen=True)
class Case:
    server: str
    exchange: Exchange
    protocol: WireProtocol
    interface: Interface

    def __str__(self) -> str:
        return f"{self.server}: {self.exchange.what}"

    def question(self) -> Question:
        sent = self.exchange
        kind = sent.request_headers.get("content-type", "").split(";")[0].strip().lower()
        request = WireRequest(
            method=sent.method, path=sent.path, body=sent.request_body, media_type=kind
        )
        return self.protocol.read_question(request, self.interface)

    def answer(self, question: Question) -> Answer:
        got = self.exchange.answer
        kind = got.headers.get("content-type", "").split(";")[0].strip().lower()
        response = WireResponse(
            status=got.status, body=got.body, media_type=kind or "application/json",
            headers=got.headers,
        )  # fmt: skip
        return self.protocol.read_answer(response, question, self.interface)


def interface_of(server: str, exchange: Exchange) -> Interface:
    what, path = exchange.what, exchange.path
    task = "regression" if "regression" in what and "XGBoost" not in what else "classification"
    model = next((part for part in ("digits", "diabetes", "iris") if f"/{part}" in path), "m")
    shape: tuple[int, ...] = SHAPES.get(model, (4,))
    if server == "sagemaker":
        shape = ()
    named = server == "mlflow" or "data frame" in what
    columns = ("c0", "c1", "c2", "c3") if "data frame" in what else COLUMNS
    settings: dict[str, object] = {}
    if what in BINARY:
        settings = SECOND
    if server == "tensorflow-serving" and "named" in what:
        settings = {"input": "x"}
    outputs = {"c": "label", "p": "scores"} if "quoted list" in what else {}
    return Interface(
        model=model,
        task=task,
        columns=columns if named else (),
        row_shape=() if named else shape,
        classes=(0, 1) if settings == SECOND else (),
        settings=settings,
        outputs=outputs,
        path=path,
    )


def cases() -> Iterator[Case]:
    for server, recording in recordings().items():
        if server in PROTOCOLS:
            protocol = protocol_kinds()[PROTOCOLS[server]]()
            for exchange in recording.exchanges:
                if exchange.method == "POST":
                    yield Case(server, exchange, protocol, interface_of(server, exchange))


CASES = [
    case
    for case in cases()
    # Routes that no endpoint of a guard has.
    if case.exchange.path.endswith(("/infer", ":predict", "/invocations"))
    or case.exchange.path.startswith("/predictions/")
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_exchange(case: Case) -> None:
    wanted = ANSWERED[case.server].get(case.exchange.what)
    if wanted is None:
        with pytest.raises((BadQuestion, BadReply)):
            case.answer(case.question())
        return
    question = case.question()
    raw = check_raw(case.answer(question), questions=len(question.rows), model="m")
    if wanted == "values":
        assert raw.values is not None
    else:
        assert raw.labels is not None
        assert raw.labels.tolist() == wanted
    written = case.protocol.write_answer(raw, question, case.interface)
    again = case.protocol.read_answer(
        WireResponse(status=200, body=written), question, case.interface
    )
    assert (again.labels is None) == (raw.labels is None)
    for before, after in ((raw.scores, again.scores), (raw.values, again.values)):
        assert (before is None) == (after is None)
        assert before is None or np.array_equal(before, after)
    for word in (b"version", b"parameters", b"raw_score", b"logits", b"headers"):
        assert word not in written
    asked = case.protocol.write_question(question, case.interface)
    assert canonical_rows(
        case.protocol.read_question(asked, case.interface).rows
    ) == canonical_rows(question.rows)


def test_the_table_names_recorded_exchanges_only() -> None:
    there = {(case.server, case.exchange.what) for case in CASES}
    named = {(server, what) for server, table in ANSWERED.items() for what in table}
    assert named <= there
    assert {server for server, _ in there} == set(PROTOCOLS)


def test_a_servers_own_id_is_dropped_and_the_callers_echoed() -> None:
    case = next(c for c in CASES if str(c) == "triton: three rows, an id")
    question = case.question()
    body = json.loads(case.protocol.write_answer(case.answer(question), question, case.interface))
    assert body["id"] == "batch-1"
    plain = next(c for c in CASES if str(c) == "mlserver: one row, default output (labels)")
    said = json.loads(plain.exchange.answer.body)
    assert said["id"]
    question = plain.question()
    body = plain.protocol.write_answer(plain.answer(question), question, plain.interface)
    assert "id" not in json.loads(body)
