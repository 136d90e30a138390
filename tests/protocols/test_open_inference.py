import json

import numpy as np
import pytest

from reticent.core import Answer, BadInput
from reticent.protocols import BadQuestion, BadReply, Interface, Question, WireRequest, WireResponse
from reticent.protocols.open_inference import OpenInference

OIP = OpenInference()
PLAIN = Interface(model="m")
BOTH = Interface(model="m", outputs={"c": "label", "p": "scores"}, classes=("no", "yes"))
SCORES = Interface(model="m", outputs={"p": "scores"}, classes=("no", "yes"))


def asked(tensors: object, interface: Interface = PLAIN, **more: object) -> Question:
    body = json.dumps({"inputs": tensors, **more}).encode()
    return OIP.read_question(WireRequest(method="POST", path="/", body=body), interface)


def tensor(data: object, shape: list[int], datatype: str = "FP64", **more: object) -> dict:
    return {"name": "x", "shape": shape, "datatype": datatype, "data": data, **more}


ONE = [tensor([1.5, 2.5], [1, 2])]


def written(answer: Answer, question: Question, interface: Interface) -> list[tuple]:
    body = json.loads(OIP.write_answer(answer, question, interface))
    assert list(body) == ["model_name", "outputs"]
    return [(o["name"], o["shape"], o["datatype"], o["data"]) for o in body["outputs"]]


LABELS = Answer(labels=np.array([1]))
FULL = Answer(labels=np.array([1]), scores=np.array([[0.25, 0.75]]))


def test_what_is_written_depends_on_what_is_left_and_on_what_the_server_has() -> None:
    label, scores = ("c", [1, 1], "BYTES", ["yes"]), ("p", [1, 2], "FP64", [0.25, 0.75])
    plain = asked(ONE)
    assert written(FULL, plain, BOTH) == [label, scores]
    assert written(LABELS, plain, BOTH) == [label]
    assert written(FULL, plain, SCORES) == [scores]  # its label was derived
    assert written(LABELS, plain, SCORES) == [("predict", *label[1:])]
    assert written(FULL, plain, PLAIN) == [("predict_proba", *scores[1:])]
    assert written(LABELS, plain, PLAIN) == [("predict", [1, 1], "INT64", [1])]


def test_only_what_the_caller_asked_for_is_written() -> None:
    for_label = asked(ONE, BOTH, outputs=[{"name": "c"}])
    for_scores = asked(ONE, BOTH, outputs=[{"name": "p"}])
    assert [name for name, *_ in written(FULL, for_label, BOTH)] == ["c"]
    assert [name for name, *_ in written(FULL, for_scores, BOTH)] == ["p"]
    assert [name for name, *_ in written(LABELS, for_scores, BOTH)] == ["c"]
    # The server is asked for all that is declared: a policy may need the scores.
    body = json.loads(OIP.write_question(for_label, BOTH).body)
    assert body["outputs"] == [{"name": "c"}, {"name": "p"}]
    by_name = asked(ONE, PLAIN, outputs=[{"name": "label"}])
    assert json.loads(OIP.write_question(by_name, PLAIN).body)["outputs"] == [{"name": "label"}]
    assert written(LABELS, by_name, PLAIN) == [("label", [1, 1], "INT64", [1])]


def test_withheld_scores_and_abstained_labels_are_null() -> None:
    answer = Answer(labels=np.array([-1]), scores=np.array([[np.nan, 0.5]]))
    assert [data for *_, data in written(answer, asked(ONE), BOTH)] == [[None], [None, 0.5]]


@pytest.mark.parametrize(
    ("datatype", "data", "rows"),
    [
        ("FP64", [0.1, 1], [[0.1, 1.0]]),
        ("FP32", [0.1, 1], [[0.10000000149011612, 1.0]]),
        ("FP16", [0.1, 1], [[0.0999755859375, 1.0]]),
        ("INT8", [-128, 127], [[-128, 127]]),
        ("UINT64", [0, 2**63 - 1], [[0, 2**63 - 1]]),
    ],
)
def test_numbers_are_what_their_datatype_holds(datatype, data, rows) -> None:
    question = asked([tensor(data, [1, 2], datatype)])
    assert np.asarray(question.rows).tolist() == rows
    sent = json.loads(OIP.write_question(question, PLAIN).body)["inputs"]
    assert sent == [tensor(rows[0], [1, 2], datatype)]


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor([1e39, 1], [1, 2], "FP32")],
        [tensor([128, 1], [1, 2], "INT8")],
        [tensor([-1, 1], [1, 2], "UINT8")],
        [tensor([1.5, 1], [1, 2], "INT32")],
        [tensor([True, 1], [1, 2], "INT32")],
        [tensor(["1", "2"], [1, 2])],
        [tensor([None, 1.0], [1, 2])],
        [tensor([1.0, 2.0], [2])],
        [tensor([1.0, 2.0], [1, 3])],
        [tensor([1.0, 2.0], [0, 2])],
        [tensor([1.0, 2.0], [1, 2.0])],
        [tensor([1.0, 2.0], [1, -2])],
        [tensor([1.0, 2.0], [1, 2], "FP8")],
        [tensor(1.0, [1, 1])],
        [tensor([1.0], [1, 1], parameters={"binary_data_size": 8})],
        [tensor([1.0], [1, 1], parameters={"content_type": "datetime"})],
        [{**tensor([1.0], [1, 1]), "name": "a\nb"}],
        [tensor([1.0], [1, 1]), tensor([1.0], [1, 1])],
        [],
        {},
        ["x"],
    ],
)
def test_inputs_that_are_refused(inputs) -> None:
    with pytest.raises(BadQuestion):
        asked(inputs)


@pytest.mark.parametrize(
    "more",
    [
        {"parameters": {"binary_data_output": True}},
        {"parameters": {"priority": 1}},
        {"parameters": []},
        {"id": 7},
        {"id": "a" * 129},
        {"id": "a\r\nx: y"},
        {"outputs": [{"name": "label", "parameters": {"classification": 2}}]},
        {"outputs": [{"name": "label", "parameters": {"binary_data": True}}]},
        {"outputs": [{"name": "logits"}]},
        {"outputs": [{"name": "label"}, {"name": "label"}]},
        {"outputs": "label"},
        {"model_version": "1"},
    ],
)
def test_requests_that_are_refused(more) -> None:
    with pytest.raises(BadQuestion):
        asked(ONE, **more)
    body = json.dumps({"inputs": ONE}).encode()
    headers = {"inference-header-content-length": "10"}
    with pytest.raises(BadQuestion, match="binary"):
        OIP.read_question(WireRequest(method="POST", path="/", body=body, headers=headers), PLAIN)


def test_a_column_a_tensor() -> None:
    named = Interface(model="m", columns=("age", "job", "member"), settings={"form": "columns"})
    question = asked(
        [
            tensor(["a", "b"], [2], "BYTES", name="job"),
            tensor([True, False], [2, 1], "BOOL", name="member"),
            tensor([30, 31], [2], "INT64", name="age"),
        ],
        named,
    )
    assert question.rows == [[30, "a", True], [31, "b", False]]
    assert question.cost == 2
    body = json.loads(OIP.write_question(question, named).body)
    assert body["parameters"] == {"content_type": "pd"}
    assert [(t["name"], t["shape"], t["datatype"], t["data"]) for t in body["inputs"]] == [
        ("age", [2], "INT64", [30, 31]),
        ("job", [2], "BYTES", ["a", "b"]),
        ("member", [2], "BOOL", [True, False]),
    ]
    for wrong in (["age", "job"], ["age", "job", "x"]):
        with pytest.raises(BadQuestion):
            asked([tensor([1, 2], [2], "INT64", name=name) for name in wrong], named)
    one_tensor = Interface(model="m", columns=named.columns)
    with pytest.raises(BadQuestion, match="one tensor cannot carry"):
        OIP.write_question(question, one_tensor)


def test_declared_input_names_and_datatypes_hold() -> None:
    strict = Interface(model="m", settings={"input": "x", "datatype": "FP32"})
    assert asked([tensor([0.5], [1, 1], "FP32")], strict).cost == 1
    for wrong in (tensor([0.5], [1, 1]), tensor([0.5], [1, 1], "FP32", name="y")):
        with pytest.raises(BadQuestion, match="another name or datatype"):
            asked([wrong], strict)
    (sent,) = json.loads(OIP.write_question(Question(rows=[[0.1]], cost=1), strict).body)["inputs"]
    assert sent == tensor([0.10000000149011612], [1, 1], "FP32")


def reply(*outputs: object, **headers: str) -> WireResponse:
    body = json.dumps({"model_name": "m", "outputs": outputs}).encode()
    return WireResponse(
        status=200, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def output(name: str, data: object, shape: list[int], datatype: str = "FP64") -> dict:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


P = output("p", [0.25, 0.75], [1, 2])


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [output("p", [0.25, 0.75], [2, 1])],
        [output("p", [0.25, 0.75], [1, 3])],
        [output("p", ["0.75:1"], [1, 1], "BYTES")],
        [output("p", [0.25, "a"], [1, 2])],
        [P, P],
        [P, output("c", ["maybe"], [1])],
        [output("c", [0, 1], [2])],
        [{"shape": [1, 2], "data": [0.25, 0.75]}],
        [output("p", [0.25, 0.75], [])],
        [output("p", [0.25, 0.75], None)],  # type: ignore[arg-type]  # on purpose
        [output("q", [0.25, 0.75], [1, 2])],
    ],
)
def test_replies_that_are_refused(outputs) -> None:
    with pytest.raises(BadReply):
        OIP.read_answer(reply(*outputs), asked(ONE), BOTH)
    with pytest.raises(BadReply, match="binary"):
        OIP.read_answer(reply(P, inference_header_content_length="3"), asked(ONE), BOTH)


def test_the_probability_of_the_second_class_alone() -> None:
    second = Interface(
        model="m", classes=(0, 1), outputs={"p": "scores"}, settings={"scores": "second"}
    )
    question = asked(ONE, second)
    answer = OIP.read_answer(reply(output("p", [0.75], [1, 1])), question, second)
    assert answer.scores.tolist() == [[0.25, 0.75]]
    assert answer.labels.tolist() == [1]
    assert written(answer, question, second) == [("p", [1, 1], "FP64", [0.75])]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"settings": {"from": "columns"}}, "no setting 'from'"),
        ({"settings": {"form": "rows"}}, "settings.form is 'rows'"),
        ({"settings": {"datatype": "FP8"}}, "settings.datatype"),
        ({"settings": {"scores": ["second"]}}, "settings.scores"),
        ({"settings": {"input": 5}}, "settings.input is 5"),
        ({"model": "a/b"}, "'a/b' cannot stand in a path"),
        ({"model": ".."}, "cannot stand in a path"),
        ({"version": "1?"}, "cannot stand in a path"),
    ],
)
def test_declarations_that_cannot_be_used(change, why) -> None:
    with pytest.raises(BadInput, match=why):
        OIP.path(Interface(**({"model": "m"} | change)))


def test_paths() -> None:
    assert OIP.path(PLAIN) == "/v2/models/m/infer"
    assert OIP.path(Interface(model="m", version="2.1")) == "/v2/models/m/versions/2.1/infer"
    assert OIP.path(Interface(model="m", path="/own")) == "/own"
