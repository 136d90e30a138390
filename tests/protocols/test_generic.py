import json

import numpy as np
import pytest

from reticent.core import Answer, BadInput
from reticent.protocols import BadQuestion, BadReply, Interface, WireRequest, WireResponse
from reticent.protocols.generic import Generic, steps_of

GENERIC = Generic()
LISTS = {
    "inputs": "$.data.rows",
    "scores": "$.result.probabilities",
    "label": "$['result']['class of it']",
    "constants": {"$.version": 2, "$.data.kind": "table"},
}
EACH = {"inputs": "$.items[*].features", "scores": "$.items[*].p", "label": "$.items[*].c"}


def interface(settings: object = LISTS, **more: object) -> Interface:
    known = {"model": "m", "path": "/score", "classes": ("no", "yes"), "settings": settings}
    return Interface(**(known | more))  # type: ignore[arg-type]  # as declared


def read(body: object, settings: object = LISTS, **more: object):
    request = WireRequest(method="POST", path="/score", body=json.dumps(body).encode())
    return GENERIC.read_question(request, interface(settings, **more))


FULL = Answer(labels=np.array([1, 0]), scores=np.array([[0.25, 0.75], [0.5, 0.5]]))
ROWS = {"version": 2, "data": {"kind": "table", "rows": [[1.5, 2.0], [0.5, 1.0]]}}


def test_lists_in_declared_places() -> None:
    question = read(ROWS)
    assert np.asarray(question.rows).tolist() == ROWS["data"]["rows"]
    assert json.loads(GENERIC.write_question(question, interface()).body) == ROWS
    assert GENERIC.write_answer(FULL, question, interface()) == (
        b'{"result":{"class of it":["yes","no"],"probabilities":[[0.25,0.75],[0.5,0.5]]}}'
    )
    hard = Answer(labels=np.array([1, -1]))
    assert GENERIC.write_answer(hard, question, interface()) == (
        b'{"result":{"class of it":["yes",null]}}'
    )


def test_a_place_in_each_row() -> None:
    body = {"items": [{"features": [1.5, 2.0]}, {"features": [0.5, 1.0]}]}
    question = read(body, EACH)
    assert json.loads(GENERIC.write_question(question, interface(EACH)).body) == body
    assert GENERIC.write_answer(FULL, question, interface(EACH)) == (
        b'{"items":[{"c":"yes","p":[0.25,0.75]},{"c":"no","p":[0.5,0.5]}]}'
    )


def test_a_label_that_is_all_that_is_left_has_a_place_without_being_declared() -> None:
    settings = {"inputs": "$.rows", "scores": "$.p"}
    question = read({"rows": [[1.5], [2.5]]}, settings)
    assert GENERIC.write_answer(FULL, question, interface(settings)) == (
        b'{"p":[[0.25,0.75],[0.5,0.5]]}'
    )
    hard = Answer(labels=np.array([1, 0]))
    body = GENERIC.write_answer(hard, question, interface(settings))
    assert body == b'{"label":["yes","no"]}'
    again = GENERIC.read_answer(WireResponse(status=200, body=body), question, interface(settings))
    assert again.labels.tolist() == [1, 0]


def test_rows_keyed_by_column() -> None:
    settings = {"inputs": "$.people", "label": "$.risk", "rows": "objects"}
    named = {"columns": ("age", "job")}
    question = read({"people": [{"job": "a", "age": 30}]}, settings, **named)
    assert question.rows == [[30, "a"]]
    body = GENERIC.write_question(question, interface(settings, **named)).body
    assert body == b'{"people":[{"age":30,"job":"a"}]}'


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": ROWS["data"]},
        {**ROWS, "version": 3},
        {**ROWS, "debug": True},
        {"version": 2, "data": {**ROWS["data"], "debug": True}},
        {"version": 2, "data": {"kind": "table", "rows": []}},
        {"version": 2, "data": {"kind": "table", "rows": 5}},
        {"version": 2, "data": [ROWS["data"]]},
    ],
)
def test_nothing_but_the_declared_form_is_taken(body: object) -> None:
    with pytest.raises(BadQuestion):
        read(body)


@pytest.mark.parametrize(
    "body", [{}, {"result": {}}, {"result": {"probabilities": [[0.5, 0.5]]}}, {"result": []}, 5]
)
def test_replies_without_the_parts_are_refused(body: object) -> None:
    response = WireResponse(status=200, body=json.dumps(body).encode())
    with pytest.raises(BadReply):
        GENERIC.read_answer(response, read(ROWS), interface())


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "settings.inputs is missing"),
        ({"inputs": "$.rows"}, "No place of an answer"),
        ({"inputs": "$.rows", "value": "$.v"}, "No place of an answer"),
        ({"inputs": "rows[", "label": "$.c"}, "settings.inputs is 'rows\\['"),
        ({"inputs": 5, "label": "$.c"}, "settings.inputs is 5"),
        ({"inputs": ["$.a"], "label": "$.c"}, "settings.inputs is"),
        ({"inputs": "$..rows", "label": "$.c"}, "must be a JSONPath of names"),
        ({"inputs": "$", "label": "$.c"}, "must be a JSONPath of names"),
        ({"inputs": "$[*].a", "label": "$.c"}, "must be a JSONPath of names"),
        ({"inputs": "$.a[0]", "label": "$.c"}, "must be a JSONPath of names"),
        ({"inputs": "$.a[?@.b]", "label": "$.c"}, "must be a JSONPath of names"),
        ({"inputs": "$.a[*].b[*]", "label": "$.c"}, "must be a JSONPath of names"),
        ({"inputs": "$.a | $.b", "label": "$.c"}, "must be a JSONPath of names"),
        ({"inputs": "$.a", "label": "$.c", "score": "$.p"}, "no setting 'score'"),
        ({"inputs": "$.a", "label": "$.c", "scores": "$.c.d"}, "cannot be written beside"),
        ({"inputs": "$.a", "label": "$.c", "scores": "$.c"}, "cannot be written beside"),
        ({"inputs": "$.a", "label": "$.c", "constants": {"$.a": 1}}, "cannot be written beside"),
        ({"inputs": "$.a", "label": "$.c", "constants": {"$.b[*].d": 1}}, r"holds \[\*\]"),
        ({"inputs": "$.a", "label": "$.c", "constants": 5}, "constants is no table"),
        ({"inputs": "$.a", "label": "$.c", "rows": "wide"}, "settings.rows is 'wide'"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, object], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        GENERIC.path(interface(settings))


def test_a_path_is_needed() -> None:
    with pytest.raises(BadInput, match="no path of its own"):
        GENERIC.path(interface(path=""))
    assert GENERIC.path(interface()) == "/score"


def test_names_of_any_kind_are_steps() -> None:
    assert steps_of("$['a.b']['it\\'s'][*][\"c\"]") == ("a.b", "it's", None, "c")


@pytest.mark.parametrize("text", ["{", "[", "a:{", json.dumps(ROWS), '{"data":{"rows":[[NaN]]}}'])
def test_a_text_that_holds_json_is_a_text(text: str) -> None:
    with pytest.raises(BadQuestion):
        read(text)
    question = read(ROWS)
    answer = GENERIC.write_answer(FULL, question, interface()).decode()
    for body in (text, answer):
        reply = WireResponse(status=200, body=json.dumps(body).encode())
        with pytest.raises(BadReply):
            GENERIC.read_answer(reply, question, interface())
