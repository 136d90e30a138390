"""Whatever comes, a protocol reads it or says that it is no question or reply, and nothing else."""

import pytest
from hypothesis import given, settings, strategies as st

from reticent.protocols import BadQuestion, BadReply, WireRequest, WireResponse, protocol_kinds
from reticent.protocols._json import write
from reticent.testing import Spoken, spoken

CASES = [case for kind in protocol_kinds().values() for case in spoken(kind())]
VOCABULARY = """
    inputs instances outputs predictions data name shape datatype parameters columns features
    dataframe_split dataframe_records p c label scores a b text x FP64 INT64 BYTES BOOL said ask
    rows choices message messages content role user index logprobs top_logprobs token tokens
    embedding input prompt object model m finish_reason stop usage
"""
WORDS = st.sampled_from(VOCABULARY.split())
LEAVES = st.one_of(
    WORDS,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=20,
)
BODIES = st.one_of(VALUES.map(write), st.binary(max_size=40))
MEDIA = st.sampled_from(["application/json", "text/csv", "application/octet-stream"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=40)
@given(BODIES, MEDIA)
def test_questions(case: Spoken, body: bytes, media: str) -> None:
    request = WireRequest(method="POST", path="/", body=body, media_type=media)
    try:
        question = case.protocol.read_question(request, case.interface)
        case.protocol.write_question(question, case.interface)
    except BadQuestion:
        return
    assert len(question.rows) >= 1
    assert question.cost >= 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=40)
@given(BODIES, MEDIA)
def test_replies(case: Spoken, body: bytes, media: str) -> None:
    response = WireResponse(status=200, body=body, media_type=media)
    request = case.protocol.write_question(case.question, case.interface)
    question = case.protocol.read_question(request, case.interface)
    protocol = case.protocol
    try:
        if case.interface.task == "text":
            protocol.read_reply(response, question, case.interface)  # type: ignore[union-attr]  # text
        else:
            answer = protocol.read_answer(response, question, case.interface)  # type: ignore[union-attr]  # no text
            assert len(answer) == len(case.rows)
            protocol.write_answer(answer, question, case.interface)  # type: ignore[union-attr]  # likewise
    except BadReply:
        pass
