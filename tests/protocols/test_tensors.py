"""Few numbers go another way than many: the bytes must not tell which."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from reticent.core import canonical_rows
from reticent.protocols import BadQuestion, Interface, Question, WireRequest, _tensors
from reticent.protocols.open_inference import OpenInference

OIP = OpenInference()
CELLS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 0, 1e39, -3.4028235677973366e38, 2**53, -(2**53), 2**64, True]),
    st.integers(-(2**70), 2**70),
)


def through(body: bytes, interface: Interface) -> tuple:
    """Return all that the guard makes of a question: how it is forwarded, and its rows' bytes."""
    try:
        question = OIP.read_question(WireRequest(method="POST", path="/", body=body), interface)
        return OIP.write_question(question, interface).body, canonical_rows(question.rows)
    except BadQuestion as error:
        return (str(error),)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(CELLS, min_size=1, max_size=12),
    st.integers(1, 4),
    st.sampled_from(["FP64", "FP32", "INT64", "FP16"]),
    st.sampled_from([Interface(model="m"), Interface(model="m", row_shape=(3,))]),
)
def test_few_numbers_are_read_and_forwarded_as_many_are(cells, n, datatype, interface) -> None:
    shape = [n, max(1, len(cells) // n)]
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": cells}
    body = json.dumps({"inputs": [tensor]}).encode()
    few = through(body, interface)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_tensors, "FEW_CELLS", 0)
        assert few == through(body, interface)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 4).flatmap(
        lambda k: st.lists(st.lists(CELLS, min_size=k, max_size=k), min_size=1, max_size=4)
    ),
    st.sampled_from([None, "FP64", "FP32", "INT64"]),
)
def test_rows_of_the_auditor_are_written_as_many_are(rows, datatype) -> None:
    interface = Interface(model="m", settings={"datatype": datatype or ""})

    def written() -> object:
        try:
            return OIP.write_question(Question(rows=rows, cost=len(rows)), interface).body
        except (BadQuestion, OverflowError) as error:
            return type(error)

    few = written()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_tensors, "FEW_CELLS", 0)
        assert few == written()


@given(
    st.lists(
        st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_rows_of_floats_have_the_bytes_that_their_array_has(rows) -> None:
    assert canonical_rows(rows) == canonical_rows(np.array(rows))


def test_a_list_of_few_doubles_stays_one() -> None:
    body = b'{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP64","data":[1.5,-0.0,3,4.5]}]}'
    question = OIP.read_question(
        WireRequest(method="POST", path="/", body=body), Interface(model="m")
    )
    assert question.rows == [[1.5, 0.0], [3.0, 4.5]]
    assert str(question.rows[0][1]) == "0.0"
