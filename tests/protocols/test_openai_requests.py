"""What is asked in both protocols of written text, and what is refused."""

import json

import pytest
from protocols.openai_texts import KINDS, answering, asked, asking, interface, server_whole

from reticent.protocols import BadQuestion, protocol_kinds

both = pytest.mark.parametrize("kind", KINDS)
COMMON_REFUSALS = [
    {"logit_bias": {"50256": -100}},
    {"best_of": 3},
    {"echo": True},
    {"suffix": "x"},
    {"prompt_logprobs": 1},
    {"guided_json": {}},
    {"guided_regex": "a"},
    {"tools": []},
    {"tool_choice": "none"},
    {"functions": []},
    {"return_token_ids": True},
    {"logprob_token_ids": [1]},
    {"x_unknown": None},
    {"model": "other"},
    {"model": None},
    {"user": 3},
    {"n": 0},
    {"n": 5},
    {"n": True},
    {"n": 1.0},
    {"n": "1"},
    {"max_tokens": 0},
    {"max_tokens": 1.5},
    {"temperature": -0.1},
    {"temperature": 2.1},
    {"temperature": "1"},
    {"temperature": True},
    {"top_p": 1.1},
    {"presence_penalty": 3},
    {"frequency_penalty": -3},
    {"seed": 2**63},
    {"seed": 1.5},
    {"stop": []},
    {"stop": [""]},
    {"stop": ["a"] * 5},
    {"stop": [1]},
    {"stream": 1},
    {"stream_options": {"include_usage": 1}},
    {"stream_options": {"continuous_usage_stats": True}},
    {"stream_options": []},
]


@both
@pytest.mark.parametrize("more", COMMON_REFUSALS, ids=str)
def test_what_is_not_known_is_refused_without_quoting_it(kind, more):
    path, body, _ = KINDS[kind]
    with pytest.raises(BadQuestion) as caught:
        protocol_kinds()[kind]().read_question(asking(path, body | more), interface(most_choices=4))
    assert "50256" not in str(caught.value)


@both
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b'{"model": "small"', b'{"model":"small","model":"small"}']
)
def test_what_is_no_request_is_refused(kind, body):
    with pytest.raises(BadQuestion):
        protocol_kinds()[kind]().read_question(asking(KINDS[kind][0], body), interface())


@both
def test_a_question_is_written_as_it_was_read_and_reads_the_same(kind):
    path, body, _ = KINDS[kind]
    body = body | {
        "temperature": 0,
        "top_p": 1,
        "seed": 7,
        "stop": "END",
        "max_tokens": 9,
        "user": "somebody",
        "n": 2,
        "presence_penalty": None,
    }
    protocol, iface = protocol_kinds()[kind](), interface(most_choices=2)
    question = protocol.read_question(asking(path, body), iface)
    written = protocol.write_question(question, iface)
    assert written.path == path
    sent = json.loads(written.body)
    assert "user" not in sent
    assert "stream" not in sent
    assert sent["temperature"] == 0
    assert sent["stop"] == ["END"]
    again = protocol.read_question(written, iface)
    assert again.rows == question.rows
    assert again.cost == question.cost == 2
    assert protocol.write_question(again, iface).body == written.body
    shuffled = dict(reversed(body.items())) | {"temperature": 0.0, "stop": ["END"]}
    assert protocol.read_question(asking(path, shuffled), iface).rows == question.rows


@both
def test_a_stream_is_asked_for_as_one(kind):
    protocol, question, iface = asked(kind, stream=True)
    sent = json.loads(protocol.write_question(question, iface).body)
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}
    _, whole, _ = asked(kind)
    assert whole.rows == question.rows  # one question, however it is answered


@both
def test_rows_alone_are_enough_to_ask_and_to_read(kind):
    protocol, question, iface = asked(kind, n=2, alternatives=2)
    bare = type(question)(rows=question.rows, cost=len(question.rows))
    assert (
        protocol.write_question(bare, iface).body == protocol.write_question(question, iface).body
    )
    texts = [([("a", -0.5, [("b", -0.4), ("a", -0.5)])], "stop")] * 2
    reply = answering(server_whole(kind, texts, None))
    replies = [protocol.read_reply(reply, each, iface) for each in (bare, question)]
    written = {protocol.write_reply(each, bare, iface) for each in replies}
    assert written == {protocol.write_reply(replies[0], question, iface)}


@both
def test_the_most_tokens_are_in_force_where_none_are_named(kind):
    path, body, _ = KINDS[kind]
    protocol, iface = protocol_kinds()[kind](), interface(most_tokens=5)
    question = protocol.read_question(asking(path, body), iface)
    assert json.loads(protocol.write_question(question, iface).body)["max_tokens"] == 5
    with pytest.raises(BadQuestion, match="more than 5"):
        protocol.read_question(asking(path, body | {"max_tokens": 6}), iface)


@both
def test_refusals_have_the_protocols_form(kind):
    found = json.loads(protocol_kinds()[kind]().write_refusal(429, "Too many."))
    assert found["error"] == {
        "message": "Too many.",
        "type": "rate_limit_error",
        "param": None,
        "code": None,
    }
