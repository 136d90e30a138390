"""Laws of both protocols of written text: streamed is whole, and nothing unknown passes."""

import json

import pytest
from hypothesis import given, settings, strategies as st
from protocols.openai_texts import (
    FINISHES,
    KINDS,
    MODEL,
    OPEN,
    SECRET,
    answering,
    asked,
    asking,
    cuts,
    events_of,
    interface,
    joined,
    policies,
    positions,
    server_events,
    server_whole,
    shaped,
    sse,
    stream_through,
    taken_apart,
    whole_through,
    with_canaries,
)

from reticent.core import BadPolicy
from reticent.policy import Policy
from reticent.protocols import BadReply, protocol_kinds
from reticent.text_policy import shape_text

both = pytest.mark.parametrize("kind", KINDS)


@both
@settings(deadline=None)
@given(data=st.data(), policy=policies(), alternatives=st.integers(0, 4))
def test_a_streamed_text_is_the_whole_one(kind, data, policy, alternatives):
    texts = data.draw(st.lists(st.tuples(positions(), FINISHES), min_size=1, max_size=3))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    usage = {"prompt_tokens": 11, "completion_tokens": data.draw(st.integers(0, 50))}
    protocol, question, iface = asked(kind, n=len(texts), alternatives=alternatives)
    reply = answering(server_whole(kind, texts, usage))
    whole = whole_through(protocol, question, reply, policy, iface)
    if whole is None:
        return
    protocol, question, iface = asked(kind, stream=True, n=len(texts), alternatives=alternatives)
    chunks = data.draw(cuts(sse(server_events(kind, texts, usage, sizes))))
    stream = stream_through(protocol, question, chunks, policy, iface)
    key = KINDS[kind][2]
    streamed, expected = joined(stream, key), taken_apart(whole, key)
    assert streamed[1] == expected[1]
    assert streamed[0] == expected[0]


@both
@settings(deadline=None)
@given(data=st.data(), policy=policies())
def test_the_auditor_reads_the_very_numbers(kind, data, policy):
    """What the auditor reads from the guard is what the policy left, to the last digit shown."""
    texts = data.draw(st.lists(st.tuples(positions(), FINISHES), min_size=1, max_size=2))
    protocol, question, iface = asked(kind, n=len(texts), alternatives=4)
    reply = answering(server_whole(kind, texts, {"prompt_tokens": 3, "completion_tokens": 5}))
    whole = whole_through(protocol, question, reply, policy, iface)
    if whole is None:
        return
    again = protocol.read_reply(answering(whole), question, iface)
    assert near(protocol.write_reply(again, question, iface), whole)


def near(one, other):
    """Return whether two replies differ in the last digits of numbers alone."""

    def same(a, b):
        if isinstance(a, float) and isinstance(b, float):
            return abs(a - b) <= 1e-12 * max(abs(a), abs(b)) + 2.3e-16
        if isinstance(a, dict) and isinstance(b, dict):
            return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(map(same, a, b))
        return a == b

    return same(json.loads(one), json.loads(other))


@both
def test_the_same_question_and_answer_have_the_same_bytes(kind):
    texts = [([("a", -0.5, [("a", -0.5), ("b", -1.0)])], "stop")]
    found = set()
    for server_id in ("one", "two"):
        protocol, question, iface = asked(kind)
        body = {**server_whole(kind, texts, {"prompt_tokens": 1, "completion_tokens": 1})}
        body |= {"id": server_id, "created": hash(server_id), "system_fingerprint": server_id}
        found.add(whole_through(protocol, question, answering(body), OPEN, iface))
    assert len(found) == 1
    body = json.loads(found.pop())
    assert body["model"] == MODEL
    assert body["created"] == 0


@both
def test_nothing_unknown_passes(kind):
    texts = [([("a", -0.5, [("a", -0.5), ("b", -1.0)]), ("b", -2.0, [])], "CANARY")]
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 99}
    headers = {"x-canary": "CANARY", "server": "CANARY"}
    body = with_canaries(server_whole(kind, texts, usage))
    if kind == "openai-completions":  # a dictionary of tokens: what stands there is a token
        for choice in body["choices"]:
            for position in choice["logprobs"]["top_logprobs"]:
                for name in [name for name in position if "CANARY" in name]:
                    del position[name]
    else:
        body["choices"][0]["message"] |= {
            "reasoning_content": "CANARY",
            "refusal": "CANARY",
            "tool_calls": [{"function": {"name": "CANARY"}}],
            "role": "CANARY",
        }
        body["choices"][0]["logprobs"]["refusal"] = [{"token": "CANARY", "logprob": -1}]
    body |= dict.fromkeys(("id", "object", "model", "system_fingerprint"), "CANARY")
    protocol, question, iface = asked(kind)
    reply = answering(body, headers=headers.items())
    whole = whole_through(protocol, question, reply, OPEN, iface)
    assert b"CANARY" not in whole
    assert json.loads(whole)["choices"][0]["finish_reason"] == "stop"

    protocol, question, iface = asked(kind, stream=True)
    events = []
    for each in server_events(kind, texts, usage, [1]):
        marked = with_canaries(each)
        marked |= dict.fromkeys(("id", "object", "model", "system_fingerprint"), "CANARY")
        for choice in marked["choices"]:
            for position in (choice.get("logprobs") or {}).get("top_logprobs", ()):
                for name in [name for name in position if "CANARY" in name]:
                    del position[name]
        events.append(marked)
    sent = b": CANARY\nevent: CANARY\nid: CANARY\n" + sse(events)
    stream = stream_through(protocol, question, [sent], OPEN, iface)
    assert b"CANARY" not in stream
    assert joined(stream, KINDS[kind][2]) == taken_apart(whole, KINDS[kind][2])


@both
def test_scores_that_were_not_asked_for_are_dropped(kind):
    path, body, _ = KINDS[kind]
    protocol, iface = protocol_kinds()[kind](), interface()
    question = protocol.read_question(asking(path, body), iface)
    reply = server_whole(kind, [([("a", -0.5, [("b", -1.0)])], "stop")], None)
    whole = json.loads(whole_through(protocol, question, answering(reply), OPEN, iface))
    assert whole["choices"][0]["logprobs"] is None
    assert "usage" not in whole


@both
def test_token_counts_in_a_stream_come_last_and_only_if_asked_for(kind):
    usage = {"prompt_tokens": 7, "completion_tokens": 13}
    texts = [([("a", -0.5, [])], "stop")]
    events = [{**e, "usage": usage} for e in server_events(kind, texts, usage, [1])]
    protocol, question, iface = asked(kind, stream=True)
    policy = Policy.from_list([{"kind": "bucket_usage", "tokens": 5}])
    found = events_of(stream_through(protocol, question, [sse(events)], policy, iface))
    assert [e.get("usage") for e in found[:-1]] == [None] * (len(found) - 1)
    assert found[-1]["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 15,
        "total_tokens": 25,
    }
    path, body, _ = KINDS[kind]
    question = protocol.read_question(asking(path, {**body, "stream": True}), iface)
    assert b"usage" not in stream_through(protocol, question, [sse(events)], policy, iface)


@both
@pytest.mark.parametrize("status", [400, 401, 404, 500, 503, 302])
def test_a_servers_error_is_a_bad_reply(kind, status):
    protocol, question, iface = asked(kind)
    with pytest.raises(BadReply):
        protocol.read_reply(answering({"error": "CANARY"}, status=status), question, iface)


@both
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"CANARY",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"choices": [1]}',
        b'{"choices": [{"index": 0}]}',
        b'{"choices": [{"index": true, "text": "", "message": {}}]}',
        b'{"choices": [{"index": -1, "text": "", "message": {}}]}',
        b'{"choices": [{"index": 1, "text": "", "message": {}}]}',
        b'{"choices": [{"index": 0, "text": 1, "message": {"content": 1}}]}',
        b'{"choices": [{"index": 0, "text": "", "message": {}}, '
        b'{"index": 0, "text": "", "message": {}}]}',
        b'{"choices": [{"index": 0, "index": 0, "text": "", "message": {}}]}',
        b'{"choices": [{"index": 0, "text": NaN, "message": {}}]}',
    ],
)
def test_what_is_no_reply_is_refused(kind, body):
    protocol, question, iface = asked(kind)
    with pytest.raises(BadReply):
        protocol.read_reply(answering(body), question, iface)


@both
@pytest.mark.parametrize(
    "data",
    [
        b'{"error": {"message": "CANARY"}}',
        b"CANARY",
        b"[1]",
        b'{"choices": [{"index": 9, "delta": {}, "text": ""}]}',
        b'{"choices": [{"index": 0, "delta": "CANARY"}]}',
        b'{"choices": null}',
    ],
)
def test_an_error_inside_a_stream_is_a_bad_reply_without_its_words(kind, data):
    protocol, question, iface = asked(kind, stream=True)
    reader = protocol.reader(question, iface)
    with pytest.raises(BadReply) as caught:
        list(reader.feed(b"data: " + data + b"\n\n"))
    assert "CANARY" not in str(caught.value)
    assert not reader.ended


@both
def test_what_comes_after_the_end_is_not_read(kind):
    protocol, question, iface = asked(kind, stream=True)
    reader = protocol.reader(question, iface)
    assert list(reader.feed(b"data: [DONE]\n\ndata: CANARY\n\n")) == []
    assert reader.ended
    assert list(reader.feed(b"data: CANARY\n\n")) == []


def test_a_policy_that_does_not_fit_says_so():
    protocol, question, iface = asked("openai-chat")
    texts = [([("a", -0.5, [])], "stop")]
    reply = protocol.read_reply(
        answering(server_whole("openai-chat", texts, None)), question, iface
    )
    policy = Policy.from_list([{"kind": "rotate"}])
    with pytest.raises(BadPolicy):
        shaped(reply, policy, question)
    with pytest.raises(BadPolicy):
        shape_text(reply, policy, prompt_row=question.rows[0], secret=SECRET)
