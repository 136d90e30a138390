import base64
import json

import numpy as np
import pytest
from defences.strategies import embedding_answers, vector_chains
from hypothesis import given, settings, strategies as st
from protocols.openai_texts import answering, asking, recorded, with_canaries

from reticent.core import Answer, BadInput
from reticent.policy import Policy
from reticent.protocols import BadQuestion, BadReply, Interface, Question
from reticent.protocols.openai_embeddings import OpenAIEmbeddings

PATH = "/v1/embeddings"
VECTORS = OpenAIEmbeddings()
IFACE = Interface(model="small", task="embedding")
BODY = {"model": "small", "input": ["one", "two"]}


def read(iface=IFACE, **more):
    return VECTORS.read_question(asking(PATH, BODY | more), iface)


def reply_of(vectors, **more):
    return {"data": [{"index": i, "embedding": v} for i, v in enumerate(vectors)], **more}


def packed(vector):
    return base64.b64encode(np.array(vector, dtype="<f4").tobytes()).decode()


def test_texts_are_rows():
    question = read()
    assert question.rows == [["one"], ["two"]]
    assert question.cost == 2
    assert read(input="one").rows == [["one"]]
    sent = json.loads(VECTORS.write_question(question, IFACE).body)
    assert sent == {"model": "small", "input": ["one", "two"], "encoding_format": "float"}
    bare = Question(rows=["one", "two"], cost=2)
    assert VECTORS.write_question(bare, IFACE) == VECTORS.write_question(question, IFACE)


@pytest.mark.parametrize(
    "more",
    [
        {"input": None},
        {"input": []},
        {"input": [1, 2]},
        {"input": [[1, 2]]},
        {"input": ["a", 1]},
        {"input": {"text": "a"}},
        {"encoding_format": "int8"},
        {"encoding_format": ["float"]},
        {"dimensions": 4},
        {"model": "other"},
        {"truncate_prompt_tokens": 3},
        {"user": 1},
    ],
    ids=str,
)
def test_refused_fields(more):
    with pytest.raises(BadQuestion):
        read(**more)


def test_one_length_of_vectors_and_no_other():
    iface = Interface(model="small", task="embedding", settings={"dimensions": 4})
    for question in (read(iface), read(iface, dimensions=4)):
        assert json.loads(VECTORS.write_question(question, iface).body)["dimensions"] == 4
    with pytest.raises(BadQuestion):
        read(iface, dimensions=5)
    for bad in ({"dimensions": -1}, {"dimension": 1}):
        with pytest.raises(BadInput):
            VECTORS.path(Interface(model="small", settings=bad))


@pytest.mark.parametrize("form", ["float", "base64"])
def test_both_forms_are_read_and_the_wanted_one_is_written(form):
    question = read(encoding_format=form)
    vectors = [[0.5, -0.25, 3.0], [1.0, 0.0, -0.0]]
    for sent in (vectors, [packed(v) for v in vectors]):
        answer = VECTORS.read_answer(answering(reply_of(sent)), question, IFACE)
        assert answer.embeddings.tolist() == vectors
        body = json.loads(VECTORS.write_answer(answer, question, IFACE))
        wanted = [packed(np.array(v) + 0.0) for v in vectors] if form == "base64" else vectors
        assert [each["embedding"] for each in body["data"]] == wanted


def test_vectors_are_put_in_the_order_of_their_texts():
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    answer = VECTORS.read_answer(answering({"data": data}), read(), IFACE)
    assert answer.embeddings.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        {},
        {"data": None},
        reply_of([[1.0]]),
        reply_of([[1.0], [2.0], [3.0]]),
        {"data": [{"index": 0, "embedding": [1.0]}] * 2},
        {"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]},
        reply_of([[1.0], [1.0, 2.0]]),
        reply_of([[[1.0], [2.0]], [[1.0], [2.0]]]),  # a vector a token
        reply_of([["a"], ["b"]]),
        reply_of(["AAAA", "AAAA"]),
        reply_of(["CANARY!", "CANARY!"]),
        reply_of([packed([1.0]), [1.0, 2.0]]),
        reply_of([None, None]),
        reply_of([1.0, 2.0]),
        reply_of([{}, {}]),
    ],
    ids=str,
)
def test_what_is_no_vector_a_text_is_refused(body):
    with pytest.raises(BadReply):
        VECTORS.read_answer(answering(body), read(), IFACE)
    with pytest.raises(BadReply):
        VECTORS.read_answer(answering(body, status=500), read(), IFACE)


def test_nothing_unknown_passes():
    more = {"id": "CANARY", "model": "CANARY", "usage": {"prompt_tokens": 99, "CANARY": 1}}
    body = with_canaries(reply_of([[1.0], [2.0]], **more))
    reply = answering(body, headers={"x-canary": "CANARY"}.items())
    out = VECTORS.write_answer(VECTORS.read_answer(reply, read(), IFACE), read(), IFACE)
    assert out == (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0]},'
        b'{"object":"embedding","index":1,"embedding":[2.0]}],"model":"small",'
        b'"usage":{"prompt_tokens":0,"total_tokens":0}}'
    )


@settings(deadline=None)
@given(embedding_answers(withheld=True), vector_chains, st.sampled_from(["float", "base64"]))
def test_the_auditor_reads_the_very_numbers(asked, steps, form):
    _, raw = asked
    texts = [[f"text {i}"] for i in range(len(raw))]
    question = Question(rows=texts, cost=len(texts), details={"form": form})
    answer = Policy.from_list(steps).apply(raw, texts, secret=b"s")
    out = VECTORS.write_answer(answer, question, IFACE)
    again = VECTORS.read_answer(answering(out), question, IFACE).embeddings
    expected = answer.embeddings
    if form == "base64":
        with np.errstate(over="ignore"):
            expected = expected.astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(again, expected)


def test_an_answer_without_vectors_is_an_empty_list():
    assert json.loads(VECTORS.write_answer(Answer(), read(), IFACE))["data"] == []


@pytest.mark.parametrize("server", ["llama-cpp", "openai", "vllm"])
def test_recorded_traffic(server):
    seen = 0
    for what, body, response in recorded(server, PATH):
        size = body.get("dimensions", 0)
        iface = Interface(
            model=body["model"], task="embedding", settings={"dimensions": size} if size else {}
        )
        try:
            question = VECTORS.read_question(asking(PATH, body), iface)
        except BadQuestion:
            assert response.status != 200, what
            continue
        try:
            answer = VECTORS.read_answer(response, question, iface)
        except BadReply:
            # llama.cpp gives a vector a token of a model that does not pool them.
            assert response.status != 200 or server == "llama-cpp", what
            seen += 1
            continue
        found = json.loads(VECTORS.write_answer(answer, question, iface))
        assert set(found) == {"object", "data", "model", "usage"}
        assert {key for each in found["data"] for key in each} == {"object", "index", "embedding"}
        assert len(answer) == question.cost
        seen += 1
    assert seen >= 2
