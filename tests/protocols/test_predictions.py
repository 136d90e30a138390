"""TensorFlow Serving, MLflow, TorchServe and SageMaker: forms of requests and of answers."""

import json

import numpy as np
import pytest

from reticent.core import Answer, BadInput
from reticent.protocols import (
    BadQuestion,
    BadReply,
    Interface,
    Question,
    WireRequest,
    WireResponse,
    protocol_kinds,
)

COLUMNS = ("a", "b")
ROWS = [[1.5, 2.5], [3.5, 4.5]]
PLAIN, NAMED = Interface(model="m"), Interface(model="m", columns=COLUMNS)
CSV = "text/csv"


def read(kind: str, body: object, interface: Interface = PLAIN, media: str = "") -> Question:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = WireRequest(
        method="POST", path="/", body=sent, media_type=media or "application/json"
    )
    return protocol_kinds()[kind]().read_question(request, interface)


def settled(interface: Interface = PLAIN, **settings: object) -> Interface:
    return Interface(model="m", columns=interface.columns, settings=settings)


ROW_OBJECTS = [{"b": 2.5, "a": 1.5}, {"a": 3.5, "b": 4.5}]


@pytest.mark.parametrize(
    ("kind", "body", "interface", "sent"),
    [
        ("tensorflow-serving", {"instances": ROWS}, PLAIN, {"instances": ROWS}),
        ("tensorflow-serving", {"inputs": ROWS}, PLAIN, {"inputs": ROWS}),
        (
            "tensorflow-serving",
            {"instances": [{"x": row} for row in ROWS], "signature_name": "s"},
            settled(input="x", signature="s"),
            {"signature_name": "s", "instances": [{"x": row} for row in ROWS]},
        ),
        (
            "tensorflow-serving",
            {"inputs": {"x": ROWS}},
            settled(input="x"),
            {"inputs": {"x": ROWS}},
        ),
        ("tensorflow-serving", {"instances": ROW_OBJECTS}, NAMED, {"instances": ROWS}),
        (
            "tensorflow-serving",
            {"inputs": {"b": [[2.5], [4.5]], "a": [1.5, 3.5]}},
            settled(NAMED, rows="objects"),
            {"inputs": {"a": [1.5, 3.5], "b": [2.5, 4.5]}},
        ),
        (
            "tensorflow-serving",
            {"instances": ROWS},
            settled(NAMED, rows="objects"),
            {"instances": [{"a": a, "b": b} for a, b in ROWS]},
        ),
        (
            "mlflow",
            {"dataframe_records": ROW_OBJECTS},
            NAMED,
            {"dataframe_split": {"columns": ["a", "b"], "data": ROWS}},
        ),
        (
            "mlflow",
            {"inputs": {"b": [2.5, 4.5], "a": [1.5, 3.5]}},
            settled(NAMED, form="dataframe_records"),
            {"dataframe_records": [{"a": a, "b": b} for a, b in ROWS]},
        ),
        ("mlflow", {"instances": ROWS}, PLAIN, {"instances": ROWS}),
        ("mlflow", {"dataframe_split": {"data": ROWS}}, settled(form="inputs"), {"inputs": ROWS}),
        ("torchserve", ROWS, PLAIN, {"data": ROWS}),
        ("torchserve", {"data": ROWS}, settled(request="rows"), ROWS),
        ("torchserve", {"instances": [{"data": r} for r in ROWS]}, PLAIN, {"data": ROWS}),
        ("torchserve", ROW_OBJECTS, settled(NAMED, request="instances"), {"instances": ROWS}),
        ("sagemaker", ROWS, PLAIN, {"instances": ROWS}),
        ("sagemaker", {"instances": ROW_OBJECTS}, settled(NAMED, form="rows"), ROWS),
        (
            "sagemaker",
            {"instances": [{"features": r} for r in ROWS]},
            settled(form="features"),
            {"instances": [{"features": r} for r in ROWS]},
        ),
    ],
)
def test_forms_of_questions(kind, body, interface, sent) -> None:
    question = read(kind, body, interface)
    assert np.asarray(question.rows).tolist() == ROWS
    assert question.cost == 2
    request = protocol_kinds()[kind]().write_question(question, interface)
    assert json.loads(request.body) == sent
    assert read(kind, sent, interface).cost == 2


@pytest.mark.parametrize(
    ("kind", "body", "interface"),
    [
        ("tensorflow-serving", {"instances": ROWS, "inputs": ROWS}, PLAIN),
        ("tensorflow-serving", {"instances": ROWS, "signature_name": "train"}, PLAIN),
        ("tensorflow-serving", {"instances": [{"y": ROWS[0]}]}, settled(input="x")),
        ("tensorflow-serving", {"instances": [{"x": {"b64": "aGk="}}]}, settled(input="x")),
        ("tensorflow-serving", {"inputs": {"a": [1.0], "b": [1.0, 2.0]}}, NAMED),
        ("tensorflow-serving", {"instances": [1.0, 2.0]}, PLAIN),
        ("mlflow", {"inputs": ROWS, "params": {"temperature": 2}}, PLAIN),
        ("mlflow", {"dataframe_split": {"columns": ["a", "c"], "data": ROWS}}, NAMED),
        ("mlflow", {"dataframe_split": {"data": ROWS, "index": [0]}}, PLAIN),
        ("mlflow", {"dataframe_split": ROWS}, PLAIN),
        ("mlflow", {"dataframe_records": ROWS}, NAMED),
        ("torchserve", {"data": ROWS, "instances": ROWS}, PLAIN),
        ("torchserve", {}, PLAIN),
        ("sagemaker", {"instances": ROWS, "configuration": {}}, PLAIN),
        ("sagemaker", {"instances": [{"features": ROWS[0], "x": 1}]}, PLAIN),
    ],
)
def test_questions_that_are_refused(kind, body, interface) -> None:
    with pytest.raises(BadQuestion):
        read(kind, body, interface)


def test_csv_rows() -> None:
    question = read("sagemaker", b"1.5,2.5\r\n3.5,4.5\r\n", media=CSV)
    assert np.asarray(question.rows).tolist() == ROWS
    texts = read("sagemaker", b'30,"a ""b"",\n"\n,-1e3\n', NAMED, CSV)
    assert texts.rows == [[30, 'a "b",\n'], [None, -1000.0]]
    request = protocol_kinds()["sagemaker"]().write_question(texts, settled(NAMED, form="csv"))
    assert (request.media_type, request.body) == (CSV, b'30,"a ""b"",\n"\n,-1000.0\n')
    assert read("sagemaker", request.body, NAMED, CSV).rows == texts.rows


@pytest.mark.parametrize(
    "body",
    [b"", b"a,b\n1,2\n", b"1,2\n3\n", b"1,inf\n", b"1,1e999\n", b"0x1,2", b"1,\xff", b"1,1_0"],
)
def test_csv_that_is_refused(body: bytes) -> None:
    with pytest.raises(BadQuestion):
        read("sagemaker", body, media=CSV)


FULL = Answer(labels=np.array([1, 0]), scores=np.array([[0.25, 0.75], [0.5, 0.5]]))
HARD = Answer(labels=np.array([1, -1]))
SHARES = [{"no": 0.25, "yes": 0.75}, {"no": 0.5, "yes": 0.5}]


@pytest.mark.parametrize(
    ("kind", "settings", "outputs", "full", "hard"),
    [
        ("mlflow", {}, {}, {"predictions": FULL.scores.tolist()}, {"predictions": ["yes", None]}),
        (
            "mlflow",
            {"scores": "second"},
            {},
            {"predictions": [0.75, 0.5]},
            {"predictions": ["yes", None]},
        ),
        (
            "tensorflow-serving",
            {},
            {"p": "scores", "c": "label"},
            {"predictions": [{"c": "yes", "p": [0.25, 0.75]}, {"c": "no", "p": [0.5, 0.5]}]},
            {"predictions": [{"c": "yes"}, {"c": None}]},
        ),
        ("torchserve", {}, {}, FULL.scores.tolist(), ["yes", None]),
        (
            "torchserve",
            {"reply": "predictions"},
            {},
            {"predictions": FULL.scores.tolist()},
            {"predictions": ["yes", None]},
        ),
        ("torchserve", {"reply": "classes"}, {}, SHARES, ["yes", None]),
        (
            "sagemaker",
            {},
            {},
            {"predictions": FULL.scores.tolist()},
            {"predictions": ["yes", None]},
        ),
    ],
)
def test_forms_of_answers(kind, settings, outputs, full, hard) -> None:
    protocol = protocol_kinds()[kind]()
    interface = Interface(model="m", classes=("no", "yes"), settings=settings, outputs=outputs)
    question = Question(rows=ROWS, cost=2)
    for answer, wanted in ((FULL, full), (HARD, hard)):
        body = protocol.write_answer(answer, question, interface)
        assert json.loads(body) == wanted
        again = protocol.read_answer(WireResponse(status=200, body=body), question, interface)
        assert again.labels.tolist() == answer.labels.tolist()
        assert (again.scores is None) == (answer.scores is None)
        if answer.scores is not None:
            assert np.array_equal(again.scores, answer.scores)


def test_column_format_is_answered_in_columns() -> None:
    protocol = protocol_kinds()["tensorflow-serving"]()
    interface = Interface(model="m", classes=("no", "yes"), outputs={"p": "scores", "c": "label"})
    question = read("tensorflow-serving", {"inputs": ROWS}, interface)
    body = protocol.write_answer(FULL, question, interface)
    assert body == b'{"outputs":{"c":["yes","no"],"p":[[0.25,0.75],[0.5,0.5]]}}'
    again = protocol.read_answer(WireResponse(status=200, body=body), question, interface)
    assert np.array_equal(again.scores, FULL.scores)


def test_torchserve_answers_of_one_row() -> None:
    protocol, question = protocol_kinds()["torchserve"](), Question(rows=ROWS[:1], cost=1)
    named = Interface(model="m", classes=("no", "yes", "maybe"))
    for body, scores in (
        (b"[0.25,0.5,0.25]", [0.25, 0.5, 0.25]),
        (b"[[0.25,0.5,0.25]]", [0.25, 0.5, 0.25]),
        (b'{"yes":0.5,"no":0.25,"maybe":0.25}', [0.25, 0.5, 0.25]),
        (b'{"yes":0.5}', [None, 0.5, None]),
    ):
        found = protocol.read_answer(WireResponse(status=200, body=body), question, named)
        assert [None if np.isnan(p) else p for p in found.scores[0]] == scores
        assert found.labels.tolist() == [1]
    found = protocol.read_answer(WireResponse(status=200, body=b'"yes"'), question, named)
    assert (found.labels.tolist(), found.scores) == ([1], None)
    with pytest.raises(BadReply):
        protocol.read_answer(WireResponse(status=200, body=b'{"tabby":0.5}'), question, named)


@pytest.mark.parametrize(
    ("body", "task"),
    [
        ([[0.5, 0.5], 1], "classification"),
        ([[0.5, 0.5], [0.5]], "classification"),
        ([0.5, 0.7], "classification"),
        ([True, False], "classification"),
        ([-1, 0], "classification"),
        (["a", "b"], "classification"),
        ([{"c": 1}, {"c": 2}], "classification"),
        ([{"label": 1}, {"probability": 2}], "classification"),
        ([[1.0, 2.0], [3.0, 4.0]], "regression"),
        (["1.0", "2.0"], "regression"),
        ([1.0, 2.0], "embedding"),
        ([[1.0], [2.0, 3.0]], "embedding"),
        ([[], []], "embedding"),
        ([1.0], "regression"),
        (None, "regression"),
    ],
)
@pytest.mark.parametrize("kind", ["mlflow", "tensorflow-serving", "sagemaker"])
def test_replies_that_are_refused(kind: str, body: object, task: str) -> None:
    response = WireResponse(status=200, body=json.dumps({"predictions": body}).encode())
    with pytest.raises(BadReply):
        protocol_kinds()[kind]().read_answer(
            response, Question(rows=ROWS, cost=2), Interface(model="m", task=task)
        )


@pytest.mark.parametrize("kind", ["tensorflow-serving", "mlflow", "torchserve", "sagemaker"])
def test_settings_that_cannot_be_used(kind: str) -> None:
    protocol = protocol_kinds()[kind]()
    with pytest.raises(BadInput, match="no setting 'shape'"):
        protocol.path(settled(shape=1))
    with pytest.raises(BadInput, match=r"settings\.scores is 'first'"):
        protocol.path(settled(scores="first"))


def test_paths() -> None:
    kinds, version = protocol_kinds(), Interface(model="m", version="3")
    assert kinds["tensorflow-serving"]().path(PLAIN) == "/v1/models/m:predict"
    assert kinds["tensorflow-serving"]().path(version) == "/v1/models/m/versions/3:predict"
    assert kinds["torchserve"]().path(version) == "/predictions/m/3"
    assert kinds["mlflow"]().path(version) == kinds["sagemaker"]().path(PLAIN) == "/invocations"
    assert kinds["mlflow"]().path(Interface(model="m", path="/p")) == "/p"
