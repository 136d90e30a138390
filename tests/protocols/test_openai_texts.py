"""Laws of both protocols of written text: streamed is whole, and nothing unknown passes."""

import json

import pytest
from hypothesis import given, settings, strategies as st
from protocols.openai_texts import (
    CHAT,
    MODEL,
    SECRET,
    TEXT,
    answering,
    asking,
    chat_scores,
    cuts,
    events_of,
    interface,
    joined,
    policies,
    positions,
    recorded,
    shaped,
    sse,
    stream_through,
    taken_apart,
    text_scores,
    whole_through,
    with_canaries,
)

from reticent.core import BadPolicy
from reticent.policy import Policy
from reticent.protocols import BadQuestion, BadReply, Interface, protocol_kinds
from reticent.text_policy import shape_text

KINDS = {
    "openai-chat": ("/v1/chat/completions", CHAT, "delta"),
    "openai-completions": ("/v1/completions", TEXT, "text"),
}
FINISHES = st.sampled_from(["stop", "length", "content_filter", "abort"])
OPEN = Policy()
both = pytest.mark.parametrize("kind", KINDS)


def scores_of(kind, found):
    return chat_scores(found) if kind == "openai-chat" else text_scores(found)


def said_of(kind, key, text):
    return {key: {"content": text}} if kind == "openai-chat" else {"text": text}


def server_whole(kind, texts, usage):
    """Return a server's reply; `texts` are (positions, finish) by index."""
    choices = [
        {
            "index": i,
            **said_of(kind, "message", "".join(token for token, _, _ in found)),
            "logprobs": scores_of(kind, found),
            "finish_reason": finish,
        }
        for i, (found, finish) in enumerate(texts)
    ]
    return {"id": "server", "created": 1, "model": "other", "choices": choices, "usage": usage}


def server_events(kind, texts, usage, sizes):
    """Return the same as chunks of a few tokens each, the texts by turns."""
    queues = {i: list(found) for i, (found, _) in enumerate(texts)}
    if kind == "openai-chat":
        for i in queues:
            delta = {"role": "assistant", "content": ""}
            yield {"choices": [{"index": i, "delta": delta, "finish_reason": None}]}
    while queues:
        for i in list(queues):
            size = sizes[i % len(sizes)]
            taken, queues[i] = queues[i][:size], queues[i][size:]
            ended = not queues[i]
            choice = {
                "index": i,
                **said_of(kind, "delta", "".join(token for token, _, _ in taken)),
                "logprobs": scores_of(kind, taken) if taken else None,
                "finish_reason": texts[i][1] if ended else None,
            }
            if ended:
                del queues[i]
            yield {"id": "server", "created": 1, "choices": [choice], "usage": None}
    yield {"choices": [], "usage": usage}


def asked(kind, *, stream=False, n=1, alternatives=3):
    path, body, _ = KINDS[kind]
    body = {**body, "n": n}
    if kind == "openai-chat":
        body |= {"logprobs": True, "top_logprobs": alternatives}
    else:
        body |= {"logprobs": alternatives}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    protocol, iface = protocol_kinds()[kind](), interface(most_choices=4)
    return protocol, protocol.read_question(asking(path, body), iface), iface


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


KNOWN = {
    "id", "object", "created", "model", "choices", "index", "message", "role", "content",
    "logprobs", "finish_reason", "usage", "prompt_tokens", "completion_tokens", "total_tokens",
    "delta", "token", "logprob", "bytes", "top_logprobs", "text", "tokens", "token_logprobs",
    "text_offset",
}  # fmt: skip


def keys_of(value):
    if isinstance(value, list):
        return set().union(*map(keys_of, value)) if value else set()
    if isinstance(value, dict):
        tokens = "tokens" in value  # the keys of its alternatives are tokens
        inner = (keys_of(v) for k, v in value.items() if not (tokens and k == "top_logprobs"))
        return set(value) | set().union(*inner)
    return set()


def exchanges(kind):
    for server in ("llama-cpp", "openai", "vllm"):
        yield from recorded(server, KINDS[kind][0])


REFUSED_WORDS = ("echo", "tool", "bias", "prompt log", "token ids", "tokens as ids", "chosen voc")


@pytest.mark.parametrize(
    ("kind", "what", "body", "response"),
    [(kind, *exchange) for kind in KINDS for exchange in exchanges(kind)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_recorded_traffic(kind, what, body, response):
    """Whatever real servers say comes out in known fields only, whole and streamed."""
    protocol = protocol_kinds()[kind]()
    settings = {"most_choices": 4}
    iface = Interface(model=body.get("model", ""), task="text", settings=settings)
    if any(word in what for word in REFUSED_WORDS) or body.get("stream_options", {}).get(
        "continuous_usage_stats"
    ):
        with pytest.raises(BadQuestion):
            protocol.read_question(asking(KINDS[kind][0], body), iface)
        body = {k: v for k, v in body.items() if k in CHAT or k in TEXT or k == "logprobs"}
        body |= {"stream": response.media_type == "text/event-stream"}
    try:
        question = protocol.read_question(asking(KINDS[kind][0], body), iface)
    except BadQuestion:
        assert response.status != 200 or "too many" in what or "no messages" in what
        return
    try:
        if question.stream and response.media_type == "text/event-stream":
            out = stream_through(protocol, question, [response.body], OPEN, iface)
            keys = set().union(*(keys_of(event) for event in events_of(out)))
        else:
            out = whole_through(protocol, question, response, OPEN, iface)
            keys = keys_of(json.loads(out))
    except BadReply:
        assert response.status != 200 or "error" in what or "died" in what, what
        return
    assert response.status == 200
    assert keys <= KNOWN
    for name in ("id", "system_fingerprint"):
        for telltale in values_of(response.body, name):
            assert telltale.encode() not in out


def values_of(raw, name):
    """Return the texts under a key, of JSON or of a stream of it."""
    parts = [raw] if raw.startswith(b"{") else raw.split(b"data: ")
    found = []
    for part in parts:
        try:
            body = json.loads(part)
        except ValueError:
            continue
        if isinstance(body, dict) and isinstance(body.get(name), str):
            found.append(body[name])
    return found


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
