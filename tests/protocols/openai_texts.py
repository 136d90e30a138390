"""What an OpenAI-compatible server says, drawn at random, and the way through the guard."""

import json
import math
from pathlib import Path

from defences.strategies import every_step
from hypothesis import strategies as st

from reticent.core import BadPolicy
from reticent.policy import Policy
from reticent.protocols import Interface, WireRequest, WireResponse, protocol_kinds
from reticent.text_policy import shape_text

MODEL = "small"
SECRET = b"k" * 32
RECORDED = Path(__file__).parent / "recorded"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Name a colour."}]}
TEXT = {"model": MODEL, "prompt": "The sky is"}

words = st.text(st.sampled_from('ab é\n"\\🙂'), min_size=1, max_size=4)
logprobs = st.floats(-30, 0) | st.sampled_from([-9999.0, -0.0, -1e-9, -1.5])
text_steps = st.lists(every_step.filter(lambda s: s["kind"] != "rotate"), max_size=3)


def interface(**settings):
    return Interface(model=MODEL, task="text", settings=settings)


def asking(path, body):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireRequest(method="POST", path=path, body=sent)


def answering(body, *, status=200, headers=()):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireResponse(status=status, body=sent, headers=dict(headers))


@st.composite
def positions(draw, most=4):
    """Return a few positions: (chosen token, log-probability, [(alternative, its own), ...])."""
    found = []
    for _ in range(draw(st.integers(0, 5))):
        beside = draw(st.lists(st.tuples(words, logprobs), max_size=most, unique_by=lambda p: p[0]))
        beside.sort(key=lambda pair: -pair[1])
        if beside and draw(st.booleans()):
            token, own = draw(st.sampled_from(beside))
        else:
            token, own = draw(words), draw(logprobs)
            beside = [pair for pair in beside if pair[0] != token]
        found.append((token, own, beside))
    return found


@st.composite
def policies(draw):
    quiet = {"kind": "keyed_noise", "scale": 0.01}  # loud noise leaves nothing but 0 and 1
    return Policy.from_list(draw(text_steps | st.just([quiet])))


@st.composite
def cuts(draw, data):
    """Return bytes cut into chunks anywhere."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def shaped(reply, policy, question):
    return shape_text(
        reply,
        policy,
        prompt_row=question.rows,
        secret=SECRET,
        choices_per_prompt=question.cost // len(question.rows),
    )


def whole_through(protocol, question, response, policy, iface):
    """Return the bytes that a caller gets for a whole reply; None if the policy does not fit."""
    reply = protocol.read_reply(response, question, iface)
    try:
        return protocol.write_reply(shaped(reply, policy, question), question, iface)
    except BadPolicy:
        return None


def stream_through(protocol, question, chunks, policy, iface):
    """Return the bytes that a caller gets for a streamed one."""
    reader = protocol.reader(question, iface)
    out = b""
    for chunk in chunks:
        for event in reader.feed(chunk):
            out += protocol.write_piece(shaped(event, policy, question), question, iface)
    assert reader.ended
    return out + protocol.write_end(question, iface)


def events_of(stream):
    """Return the JSON values of a stream that ends with [DONE]."""
    data = [part.removeprefix(b"data: ") for part in stream.split(b"\n\n")]
    assert data[-2:] == [b"[DONE]", b""]
    return [json.loads(each) for each in data[:-2]]


def joined(stream, key):
    """Return {index: (text, positions, finish)} and usage, put together as a client does it."""
    found, usage = {}, None
    for event in events_of(stream):
        usage = event.get("usage", usage)
        for choice in event["choices"]:
            text, scores, finish = found.get(choice["index"], ("", [], None))
            said = choice["delta"].get("content", "") if key == "delta" else choice["text"]
            more = choice["logprobs"] or {}
            found[choice["index"]] = (
                text + said,
                scores + _positions(more),
                choice["finish_reason"] or finish,
            )
    return found, usage


def taken_apart(body, key):
    """Return the same of a whole reply."""
    found = {}
    for choice in json.loads(body)["choices"]:
        said = choice["message"]["content"] if key == "delta" else choice["text"]
        found[choice["index"]] = (
            said,
            _positions(choice["logprobs"] or {}),
            choice["finish_reason"],
        )
    return found, json.loads(body).get("usage")


def _positions(logprobs):
    if "content" in logprobs:
        return logprobs["content"]
    keys = ("tokens", "token_logprobs", "top_logprobs")
    return list(zip(*(logprobs.get(key, ()) for key in keys), strict=True))


def chat_scores(found):
    return {
        "content": [
            {
                "token": token,
                "logprob": own,
                "bytes": None,
                "top_logprobs": [{"token": t, "logprob": v, "bytes": None} for t, v in beside],
            }
            for token, own, beside in found
        ]
    }


def text_scores(found):
    return {
        "tokens": [token for token, _, _ in found],
        "token_logprobs": [own for _, own, _ in found],
        "top_logprobs": [dict(beside) for _, _, beside in found],
        "text_offset": list(range(len(found))),
    }


def with_canaries(value):
    """Return a server's JSON with a telltale word in every place that is not known."""
    if isinstance(value, list):
        return [with_canaries(each) for each in value]
    if isinstance(value, dict):
        more = {key: with_canaries(each) for key, each in value.items()}
        return {**more, "x_CANARY": "CANARY", "nested_CANARY": {"CANARY": ["CANARY"]}}
    return value


def sse(events, *, end=True):
    data = [json.dumps(each).encode() for each in events] + ([b"[DONE]"] if end else [])
    return b"".join(b"data: " + each + b"\n\n" for each in data)


def recorded(server, path):
    """Yield (what, request body, response) of the exchanges with a path."""
    for exchange in json.loads((RECORDED / f"{server}.json").read_text())["exchanges"]:
        request, response = exchange["request"], exchange["response"]
        if request["path"] != path or "body" not in request:
            continue
        body = response.get("body")
        raw = response["body_text"].encode() if body is None else json.dumps(body).encode()
        media_type = response["headers"].get("content-type", "").partition(";")[0]
        yield (
            f"{server}: {exchange['what']}",
            request["body"],
            WireResponse(
                status=response["status"],
                body=raw,
                media_type=media_type,
                headers=response["headers"],
            ),
        )


def close(a, b):
    """Return whether two log-probabilities are one, as finely as the module says."""
    return math.isclose(a, b, rel_tol=1e-12, abs_tol=2.3e-16)


KINDS = {
    "openai-chat": ("/v1/chat/completions", CHAT, "delta"),
    "openai-completions": ("/v1/completions", TEXT, "text"),
}
FINISHES = st.sampled_from(["stop", "length", "content_filter", "abort"])
OPEN = Policy()


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
