"""What is read anew of a body that was seen before must say what all of it says."""

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st

from reticent.protocols import BadQuestion, Interface, WireRequest, WireResponse
from reticent.protocols._forms import Forms
from reticent.protocols._tensors import FORM
from reticent.protocols.base import CHECKED, Question
from reticent.protocols.open_inference import OpenInference

MODEL = Interface(model="m", classes=(0, 1, 2))
PATH = "/v2/models/m/infer"

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.sampled_from(
    [0.0, -0.0, 1, -7, 2**53, 2**60, 1e300, 0.1]
)
cells = st.lists(numbers, min_size=4, max_size=4)
odd = st.lists(
    numbers | st.none() | st.booleans() | st.just("x") | st.lists(numbers, max_size=2), max_size=5
)
frames = st.builds(
    lambda name, kind, rows, spaces: orjson.dumps(
        {
            "inputs": [
                {"name": name, "shape": [rows, 4 // rows], "datatype": kind, "data": ["here"]}
            ]
        },
        option=orjson.OPT_INDENT_2 if spaces else 0,
    ),
    st.sampled_from(["x", "data", '"data"', "a [b]", "y" * 129]),
    st.sampled_from(["FP64", "FP32", "INT64"]),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)


def asked(protocol, body):
    try:
        question = protocol.read_question(WireRequest(method="POST", path=PATH, body=body), MODEL)
    except BadQuestion as error:
        return str(error)
    details = {k: v for k, v in question.details.items() if k not in (FORM, CHECKED)}
    rows = np.asarray(question.rows).tolist()
    signs = orjson.dumps(rows)  # which tells -0.0 from 0.0
    return rows, signs, question.cost, details, protocol.write_question(question, MODEL)


def filled(frame, data):
    around = orjson.dumps(["here"])
    start = frame.find(b"[", frame.rfind(b'"data"'))
    end = frame.find(b"]", start) + 1
    assert orjson.loads(frame[start:end]) == orjson.loads(around)
    return frame[:start] + orjson.dumps(data) + frame[end:]


@given(frames, cells, cells | odd)
def test_a_question_in_a_known_form_is_read_as_it_would_be_anew(frame, first, second):
    warm = OpenInference()
    asked(warm, filled(frame, first))
    asked(warm, filled(frame, first))
    assert asked(warm, filled(frame, second)) == asked(OpenInference(), filled(frame, second))


@pytest.mark.parametrize(
    "between",
    [b"", b"1", b"[1.5,2.5],[3]", b'[1.0],"data":[2.0]', b"[1.0,2.0,3.0,4.0", b"[NaN,1,1,1]"],
)
def test_what_is_no_list_of_numbers_is_no_question(between):
    start = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":'
    warm = OpenInference()
    asked(warm, start + b"[1.5,2.5,3.5,4.5]}]}")
    body = start + between + b"}]}"
    assert isinstance(asked(warm, body), str)
    assert asked(warm, body) == asked(OpenInference(), body)


def test_a_form_of_one_model_is_not_used_for_another():
    body = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[1.5,2.5,3.5,4.5]}]}'
    warm = OpenInference()
    asked(warm, body)
    narrow = Interface(model="m", columns=("a", "b"))
    with pytest.raises(BadQuestion):
        warm.read_question(WireRequest(method="POST", path=PATH, body=body), narrow)


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=4),
    st.booleans(),
)
def test_an_answer_in_a_known_form_is_read_and_written_as_it_would_be_anew(answers, spaces):
    warm = OpenInference()
    body = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[1.5,2.5,3.5,4.5]}]}'
    plain = Question(rows=[[1.5, 2.5, 3.5, 4.5]], cost=1)
    for scores in answers:
        question = warm.read_question(WireRequest(method="POST", path=PATH, body=body), MODEL)
        output = {"name": "scores", "datatype": "FP64", "shape": [1, 3], "data": scores}
        said = orjson.dumps(
            {"model_name": "m", "outputs": [output]}, option=orjson.OPT_INDENT_2 if spaces else 0
        )
        response = WireResponse(status=200, body=said)
        few = warm.read_few(response, question, MODEL)
        assert few is not None
        assert few == OpenInference().read_few(response, plain, MODEL)
        assert warm.write_few(few, question, MODEL) == OpenInference().write_answer(
            OpenInference().read_answer(response, plain, MODEL), plain, MODEL
        )


@pytest.mark.parametrize("other", [b"7", b"1.5"])
def test_a_list_that_another_key_holds_is_not_taken_for_the_data(other):
    forms = Forms()
    body = b'{"a":{"data":[%b]},"b":{"data":[1.5]}}' % other
    value = orjson.loads(body)
    forms.learn(body, value, value["b"], None)
    assert forms.find(body) is None
    assert value == orjson.loads(body)
