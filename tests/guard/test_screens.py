"""The text filter in a running guard: whole and streamed replies, scores, journal."""

import asyncio
import hashlib
import json
import time

import pytest
import urllib3
from guard.live import guarding, serving
from hypothesis import given, settings, strategies as st

from reticent.config import load_guard, parse_guard
from reticent.core import BadInput, Choice, TextReply
from reticent.guard.gates import open_gate
from reticent.guard.identity import open_key_changes
from reticent.guard.screens import open_screen
from reticent.guard.secrets import read_secret
from reticent.guard.text_flow import shaped_reply
from reticent.guard.validation import Validator
from reticent.protocols import WireRequest, WireResponse
from reticent.text_policy import filter_text
from reticent.textindex.build import build
from reticent.textindex.corpus import sources

pytest.importorskip("numba")

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}
PRIVATE = "The board agreed in confidence to sell the northern mill to its oldest rival in winter."
HARMLESS = (
    "Mills grind corn. Winters are long in the north, and rivals seldom sell anything at all."
)
CONFIG = """
[guard]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[[guard.endpoint]]
model = "writer"
owner = "Language models"
protocol = "{protocol}"
upstream = "{upstream}"
task = "text"
sensitivity = "internal"
limits.identity = {{rows_per_minute = 6000, burst_rows = 1000}}
settings = {{most_choices = 4}}
text_filter = {{{text_filter}}}
"""


def tokens(text):
    return [text[i : i + 5] for i in range(0, len(text), 5)]


def scored(text, offset=0):
    return {
        "content": [
            {"token": t, "logprob": -0.5, "bytes": None, "top_logprobs": []} for t in tokens(text)
        ]
    }


def writer(*texts, asked=None):
    """Answer the first question with the first of these lists of texts, and so on."""
    turn = iter(texts)

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        question = json.loads(body)
        if asked is not None:
            asked.append(question)
        said = next(turn)
        chat = scope["path"].endswith("chat/completions")
        streams = bool(question.get("stream"))
        kind = b"text/event-stream" if streams else b"application/json"
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [(b"content-type", kind)]})
        if not streams:
            choices = [whole(i, text, chat, question) for i, text in enumerate(said)]
            reply = json.dumps({"choices": choices, "usage": None}).encode()
            await send({"type": "http.response.body", "body": reply})
            return
        for i, text in enumerate(said):
            for token in tokens(text):
                chunk = piece(i, token, chat, question)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await asyncio.sleep(0)
            end = piece(i, "", chat, question, "stop")
            await send({"type": "http.response.body", "body": end, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    return app


def whole(i, text, chat, question):
    choice = {"index": i, "finish_reason": "stop", "logprobs": None}
    if not chat:
        return {**choice, "text": text}
    message = {"role": "assistant", "content": text}
    logprobs = scored(text) if question.get("logprobs") else None
    return {**choice, "message": message, "logprobs": logprobs}


def piece(i, token, chat, question, finish=None):
    choice = {"index": i, "finish_reason": finish}
    choice |= {"delta": {"content": token}} if chat else {"text": token}
    if question.get("logprobs") and token:
        choice["logprobs"] = scored(token)
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("private")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "minutes.txt").write_text(PRIVATE)
    build(folder / "index", sources([folder / "corpus"]))
    return folder / "index"


def ask(tmp_path, app, text_filter, *, protocol="openai-chat", **question):
    """Return the reply, the journal's rows and the metrics of one question."""
    path = tmp_path / "reticent.toml"
    with serving(app) as upstream:
        path.write_text(
            CONFIG.format(upstream=upstream, text_filter=text_filter, protocol=protocol)
        )
        file = load_guard(path)
        secret = read_secret(file, SECRET)
        changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
        key = changes.issue(tenant="default", identity="app", models=("writer",), lifetime_s=None)
        changes.close()
        headers = {"authorization": f"Bearer {key.key.text}", "content-type": "application/json"}
        place, body = "/v1/completions", {"prompt": "Say it."}
        if protocol == "openai-chat":
            place = "/v1/chat/completions"
            body = {"messages": [{"role": "user", "content": "Say it."}]}
        rows = []
        with guarding(file, SECRET) as (parts, callers, _):
            append = parts.journal.append

            async def kept(entry, *, durable):
                rows.append(entry)
                await append(entry, durable=durable)

            parts.journal.append = kept
            reply = urllib3.request(
                "POST",
                callers + place,
                body=json.dumps({"model": "writer", **body, **question}),
                headers=headers,
                retries=False,
            )
            metrics = parts.metrics.exposition().decode()
        return reply, rows, metrics


def streamed(reply):
    """Return index -> text, finish reasons and scores of a streamed reply."""
    found = {}
    for line in reply.data.decode().split("\n"):
        if not line.startswith("data: ") or line == "data: [DONE]":
            continue
        for choice in json.loads(line[6:])["choices"]:
            text, ends, scores = found.setdefault(choice["index"], ["", [], []])
            text += (choice.get("delta") or choice).get("content") or choice.get("text") or ""
            if choice["finish_reason"]:
                ends.append(choice["finish_reason"])
            scores += (choice.get("logprobs") or {}).get("content") or []
            found[choice["index"]] = [text, ends, scores]
    return found


LONG = f"{HARMLESS} {PRIVATE} {HARMLESS}"


@pytest.mark.parametrize("protocol", ["openai-chat", "openai-completions"])
@pytest.mark.parametrize(
    ("action", "left", "end"),
    [
        ("stop", f"{HARMLESS} ", "content_filter"),
        ("redact", f"{HARMLESS} [redacted]. {HARMLESS}", "stop"),
    ],
)
def test_whole_and_streamed_replies_leave_the_same(tmp_path, index, protocol, action, left, end):
    app = writer([LONG, HARMLESS], [LONG, HARMLESS])
    rule = f'index = "{index}", action = "{action}"'
    for stream in (False, True):
        reply, rows, metrics = ask(
            tmp_path / str(stream) if (tmp_path / str(stream)).mkdir() is None else tmp_path,
            app, rule, protocol=protocol, n=2, stream=stream,
        )  # fmt: skip
        assert reply.status == 200
        if stream:
            said = {i: (text, ends) for i, (text, ends, _) in streamed(reply).items()}
        else:
            said = {
                c["index"]: (
                    c["text"] if "text" in c else c["message"]["content"],
                    [c["finish_reason"]],
                )
                for c in reply.json()["choices"]
            }
        assert said == {0: (left, [end]), 1: (HARMLESS, ["stop"])}
        (row,) = [row for row in rows if row.kind == "match"]
        assert row.detail["found"][0]["tier"] in ("exact", "near")
        assert "northern" not in json.dumps(row.detail)
        assert 'reticent_text_matches_total{model="writer",tier="exact"} 1.0' in metrics


@pytest.mark.parametrize("stream", [False, True])
def test_scores_of_what_was_taken_out_are_withheld(tmp_path, index, stream):
    reply, *_ = ask(
        tmp_path, writer([LONG]), f'index = "{index}", action = "redact"',
        stream=stream, logprobs=True,
    )  # fmt: skip
    if stream:
        text, _, scores = streamed(reply)[0]
    else:
        (choice,) = reply.json()["choices"]
        text, scores = choice["message"]["content"], choice["logprobs"]["content"]
    shown = "".join(score["token"] for score in scores)
    assert 0 < len(shown) <= len(HARMLESS) + 5
    assert HARMLESS.startswith(shown[: len(HARMLESS)])
    assert "northern" not in reply.data.decode()
    assert "[redacted]" in text


def test_a_model_is_asked_again_and_the_other_answer_is_given(tmp_path, index):
    asked = []
    app = writer([PRIVATE], [PRIVATE], [HARMLESS], asked=asked)
    rule = f'index = "{index}", action = "regenerate"'
    reply, rows, _ = ask(tmp_path, app, rule)
    assert reply.json()["choices"][0]["message"]["content"] == HARMLESS
    assert len(asked) == 3
    (row,) = [row for row in rows if row.kind == "match"]
    assert sum(found["times"] for found in row.detail["found"]) == 2


def test_a_model_that_says_it_every_time_is_stopped(tmp_path, index):
    asked = []
    app = writer([PRIVATE], [PRIVATE], asked=asked)
    rule = f'index = "{index}", action = "regenerate", attempts = 1'
    reply, *_ = ask(tmp_path, app, rule)
    choice = reply.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "content_filter")
    assert len(asked) == 2


TOOLS = [{"type": "function", "function": {"name": "mail", "parameters": {"type": "object"}}}]
BODY = PRIVATE.replace("sell ", "sell\\n\\u0020")  # as JSON has it: the escapes are no letters
ARGUMENTS = '{"to": "bo", "body": "' + f"{HARMLESS} {BODY} {HARMLESS}" + '", "n": 3}'


def caller(*arguments, text="", key="tool_calls"):
    """Answer with texts that call a function, whole or in pieces of 7 characters."""

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        streams = bool(json.loads(body).get("stream"))
        kind = b"text/event-stream" if streams else b"application/json"
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [(b"content-type", kind)]})
        if not streams:
            choices = [
                {
                    "index": i,
                    "message": {"role": "assistant", "content": text or None, **calling(said, key)},
                    "finish_reason": "tool_calls",
                    "logprobs": scored(said),
                }
                for i, said in enumerate(arguments)
            ]
            reply = json.dumps({"choices": choices}).encode()
            await send({"type": "http.response.body", "body": reply})
            return
        for i, said in enumerate(arguments):
            deltas = [{"content": text}] if text else []
            deltas += [calling("", key)]
            deltas += [calling(said[at : at + 7], key, "") for at in range(0, len(said), 7)]
            for delta in (*deltas, {}):
                finish = None if delta else "tool_calls"
                choice = {"index": i, "delta": delta, "finish_reason": finish}
                if delta:
                    choice["logprobs"] = scored(said)
                chunk = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    return app


def calling(arguments, key, name="mail"):
    function = {"arguments": arguments} | ({"name": name} if name else {})
    if key == "function_call":
        return {key: function}
    return {key: [{"index": 0, "id": "x", "type": "function", "function": function}]}


def called(reply, stream):
    """Return index -> text, name, arguments and finish of a reply."""
    if not stream:
        return {
            c["index"]: (
                c["message"]["content"] or "",
                *names_and_arguments([c["message"]]),
                c["finish_reason"],
            )
            for c in reply.json()["choices"]
        }
    found = {}
    for line in reply.data.decode().split("\n"):
        if line.startswith("data: ") and line != "data: [DONE]":
            for choice in json.loads(line[6:])["choices"]:
                found.setdefault(choice["index"], []).append(choice)
    return {
        i: (
            "".join(c["delta"].get("content") or "" for c in choices),
            *names_and_arguments([c["delta"] for c in choices]),
            choices[-1]["finish_reason"],
        )
        for i, choices in found.items()
    }


def names_and_arguments(said):
    functions = [call["function"] for each in said for call in each.get("tool_calls", ())]
    functions += [each["function_call"] for each in said if "function_call" in each]
    return (
        "".join(f.get("name", "") for f in functions),
        "".join(f["arguments"] for f in functions),
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("older", [False, True])
def test_a_passage_is_taken_out_of_arguments_and_they_stay_json(tmp_path, index, stream, older):
    offered = {"functions": [TOOLS[0]["function"]]} if older else {"tools": TOOLS}
    reply, rows, _ = ask(
        tmp_path,
        caller(ARGUMENTS, '{"to": "ann"}', key="function_call" if older else "tool_calls"),
        f'index = "{index}", action = "redact"',
        stream=stream, n=2, logprobs=True, **offered,
    )  # fmt: skip
    assert reply.status == 200
    found = called(reply, stream)
    finish = "function_call" if older else "tool_calls"
    assert found[1] == ("", "mail", '{"to": "ann"}', finish)
    text, name, arguments, end = found[0]
    assert (text, name, end) == ("", "mail", finish)
    assert json.loads(arguments) == {
        "to": "bo",
        "body": f"{HARMLESS} [redacted]. {HARMLESS}",
        "n": 3,
    }
    assert b"northern" not in reply.data
    assert b'"logprob"' not in reply.data
    (row,) = [row for row in rows if row.kind == "match"]
    assert row.detail["found"][0]["times"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_passage_ends_a_call_and_the_text_with_it(tmp_path, index, stream):
    half = len(PRIVATE) // 2
    rest = json.dumps([PRIVATE[half:], HARMLESS])
    reply, *_ = ask(
        tmp_path, caller(rest, text=f"{HARMLESS} {PRIVATE[:half]}"), f'index = "{index}"',
        stream=stream, tools=TOOLS,
    )  # fmt: skip
    # Said half in the words and half in the call: found, and gone from its beginning on.
    assert called(reply, stream)[0] == (f"{HARMLESS} ", "", "", "content_filter")


@pytest.mark.parametrize("stream", [False, True])
def test_personal_data_go_from_arguments_written_as_numbers_too(tmp_path, stream):
    arguments = '{"card": 4111111111111111, "to": ["a@example.org"]}'
    reply, *_ = ask(
        tmp_path, caller(arguments), 'personal = ["email", "card"]', stream=stream, tools=TOOLS
    )
    (_, _, left, end) = called(reply, stream)[0]
    assert (json.loads(left), end) == (
        {"card": "[redacted]", "to": ["[redacted]"]},
        "tool_calls",
    )


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_what_was_not_offered_reach_nobody(tmp_path, index, stream):
    other = [{"type": "function", "function": {"name": "print"}}]
    for tools in ({}, {"tools": other}):
        reply, *_ = ask(tmp_path, caller(ARGUMENTS), f'index = "{index}"', stream=stream, **tools)
        assert called(reply, stream)[0] == ("", "", "", "stop")
        assert b"tool_calls" not in reply.data


@pytest.mark.parametrize("stream", [False, True])
def test_scores_of_tokens_that_are_not_the_text_reach_nobody(tmp_path, index, stream):
    """A server's scores may be those of its reasoning, which nobody has read."""

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        said = "delta" if stream else "message"
        choice = {"index": 0, said: {"content": "ab"}, "logprobs": scored(PRIVATE)}
        body = json.dumps({"choices": [{**choice, "finish_reason": "stop"}]}).encode()
        body = b"data: " + body + b"\n\ndata: [DONE]\n\n" if stream else body
        kind = b"text/event-stream" if stream else b"application/json"
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    reply, *_ = ask(tmp_path, app, f'index = "{index}"', stream=stream, logprobs=True)
    assert reply.status == 200
    assert b'"ab"' in reply.data
    assert b"The b" not in reply.data


def test_personal_data_go_without_an_index(tmp_path):
    text = "Write to bo@example.org at once."
    reply, rows, _ = ask(tmp_path, writer([text]), 'personal = ["email"]', stream=True)
    assert streamed(reply)[0][:2] == ["Write to [redacted] at once.", ["stop"]]
    (row,) = [row for row in rows if row.kind == "match"]
    (found,) = row.detail["found"]
    assert found == {"tier": "email", "fingerprint": "", "chars": 14, "times": 1}


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ({"task": "embedding", "protocol": "openai-embeddings", "text_filter": {"index": "x"}},
         "whose task is not text"),
        ({"task": "text", "text_filter": {}}, "neither an index nor"),
        ({"task": "text", "text_filter": {"personal": ["email"], "allow": "x"}}, "without an i"),
        ({"task": "text", "text_filter": {"index": "x", "action": "laugh"}}, "action"),
        ({"task": "text", "text_filter": {"index": "x", "zzz": 1}}, "zzz"),
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused(endpoint, says):
    plain = {
        "model": "m",
        "owner": "T",
        "protocol": "openai-chat",
        "upstream": "http://127.0.0.1:9",
    }
    with pytest.raises(BadInput, match=says):
        parse_guard({"guard": {"endpoint": [{**plain, **endpoint}]}})


def test_a_guard_does_not_start_with_an_index_that_is_not_whole(tmp_path, index):
    with pytest.raises(BadInput, match="no text index"):
        ask(tmp_path, writer([]), 'index = "nowhere"')


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([PRIVATE, HARMLESS, "a@b.org ", " \n", PRIVATE[:45]]), min_size=1))
def test_an_auditor_sees_the_bytes_that_a_caller_gets(index, parts):
    """The same filter, called as an audit calls it, and by the guard's gate."""
    place = {"index": str(index), "action": "redact", "personal": ["email"]}
    plain = {
        "model": "m",
        "owner": "T",
        "protocol": "openai-chat",
        "upstream": "http://127.0.0.1:9",
    }
    file = parse_guard({"guard": {"endpoint": [{**plain, "task": "text", "text_filter": place}]}})
    endpoint = file.guard.endpoint[0]
    gate = open_gate(
        file, endpoint, secret=b"s" * 32, validator=Validator(endpoint), scopes=None, upstream=None
    )
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
    question = gate.texts.read_question(
        WireRequest(method="POST", path=gate.path, body=body), gate.interface
    )
    text = "".join(parts)
    said = json.dumps({"choices": [whole(0, text, True, {})], "usage": None}).encode()
    got = shaped_reply(gate, WireResponse(status=200, body=said), question)
    reply = TextReply(choices=(Choice(index=0, text=text, finish_reason="stop"),))
    seen = filter_text(reply, open_screen(file, endpoint))
    assert got == gate.texts.write_reply(seen, question, gate.interface)
