"""Both protocols of written text over what real servers said."""

import json

import pytest
from protocols.openai_texts import (
    CHAT,
    KINDS,
    OPEN,
    TEXT,
    asking,
    events_of,
    recorded,
    stream_through,
    whole_through,
)

from reticent.protocols import BadQuestion, BadReply, Interface, protocol_kinds

KNOWN = {
    "id", "object", "created", "model", "choices", "index", "message", "role", "content",
    "logprobs", "finish_reason", "usage", "prompt_tokens", "completion_tokens", "total_tokens",
    "delta", "token", "logprob", "bytes", "top_logprobs", "text", "tokens", "token_logprobs",
    "text_offset", "tool_calls", "type", "function", "name", "arguments",
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


REFUSED_WORDS = ("echo", "bias", "prompt log", "token ids", "tokens as ids", "chosen voc")


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
