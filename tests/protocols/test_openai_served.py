"""The protocols of written text over a real server with a real small language model."""

import json

import pytest
from protocols.openai_texts import (
    KINDS,
    asking,
    events_of,
    joined,
    stream_through,
    taken_apart,
    whole_through,
)
from served.exchange import Ask, send
from served.fixtures import on, running

from reticent.policy import Policy
from reticent.protocols import Interface, WireResponse, protocol_kinds

MODEL = "smollm2"
QUIET = Policy.from_list(
    [
        {"kind": "keyed_noise", "scale": 0.01},
        {"kind": "top_k", "k": 2},
        {"kind": "round", "digits": 3},
    ]
)
ASKED = {
    "openai-chat": {"logprobs": True, "top_logprobs": 3, "max_tokens": 12, "temperature": 0},
    "openai-completions": {"logprobs": 3, "max_tokens": 12, "temperature": 0},
}


def said(served, request):
    """Return what the server says to a request as a protocol wrote it."""
    headers = {"content-type": request.media_type}
    answer = send(served.url, Ask("", request.method, request.path, request.body, headers))
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    return WireResponse(
        status=answer.status, body=answer.body, media_type=media_type, headers=answer.headers
    )


@pytest.mark.parametrize(("server", "kind"), [on("llama-cpp", kind) for kind in KINDS])
def test_a_real_stream_is_the_whole_text(
    server: str, kind: str, request: pytest.FixtureRequest
) -> None:
    served = running(server, request)
    path, body, key = KINDS[kind]
    protocol, iface = protocol_kinds()[kind](), Interface(model=MODEL, task="text")
    whole, stream = (
        protocol.read_question(
            asking(path, body | ASKED[kind] | {"model": MODEL, "stream": stream}), iface
        )
        for stream in (False, True)
    )
    reply = said(served, protocol.write_question(whole, iface))
    chunks = said(served, protocol.write_question(stream, iface)).body
    out = whole_through(protocol, whole, reply, QUIET, iface)
    streamed = stream_through(protocol, stream, [chunks[:99], chunks[99:]], QUIET, iface)
    texts, _ = taken_apart(out, key)
    assert joined(streamed, key)[0] == texts
    assert texts[0][0]
    assert len(texts[0][1]) >= 6


@pytest.mark.parametrize("server", [on("llama-cpp")])
def test_a_servers_own_words_stay_behind(server: str, request: pytest.FixtureRequest) -> None:
    served = running(server, request)
    path, body, _ = KINDS["openai-chat"]
    protocol, iface = protocol_kinds()["openai-chat"](), Interface(model=MODEL, task="text")
    question = protocol.read_question(asking(path, body | {"model": MODEL, "max_tokens": 3}), iface)
    reply = said(served, protocol.write_question(question, iface))
    out = whole_through(protocol, question, reply, Policy(), iface)
    assert json.loads(reply.body)["id"].encode() not in out


@pytest.mark.parametrize("server", [on("llama-cpp")])
def test_a_real_call_of_a_function_comes_through(
    server: str, request: pytest.FixtureRequest
) -> None:
    served = running(server, request)
    path, body, _ = KINDS["openai-chat"]
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    offered = {
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": parameters}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "model": MODEL,
        "max_tokens": 24,
        "temperature": 0,
    }
    protocol, iface = protocol_kinds()["openai-chat"](), Interface(model=MODEL, task="text")
    whole, stream = (
        protocol.read_question(asking(path, body | offered | {"stream": stream}), iface)
        for stream in (False, True)
    )
    reply = said(served, protocol.write_question(whole, iface))
    (choice,) = json.loads(whole_through(protocol, whole, reply, Policy(), iface))["choices"]
    (call,) = choice["message"]["tool_calls"]
    chunks = said(served, protocol.write_question(stream, iface)).body
    out = stream_through(protocol, stream, [chunks[:99], chunks[99:]], Policy(), iface)
    pieces = [
        piece
        for each in events_of(out)
        for choice in each["choices"]
        for piece in choice["delta"].get("tool_calls", ())
    ]
    assert pieces[0]["function"]["name"] == call["function"]["name"] == "weather"
    assert pieces[0]["id"] == call["id"]
    streamed = "".join(piece["function"]["arguments"] for piece in pieces)
    assert streamed == call["function"]["arguments"]
    assert streamed.lstrip().startswith("{")
