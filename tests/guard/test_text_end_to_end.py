"""Written text through a running guard, whole and streamed: replies that a real server gave."""

import asyncio
import hashlib
import json
import time

import pytest
import urllib3
from guard.live import guarding, serving
from served.exchange import recordings

from reticent.config import load_guard
from reticent.guard.identity import open_key_changes
from reticent.guard.secrets import read_secret

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}
CONFIG = """
[[policy]]
name = "chosen"
defences = {defences}
[guard]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[[guard.endpoint]]
model = "smollm2"
owner = "Language models"
protocol = "openai-chat"
upstream = "{upstream}"
task = "text"
sensitivity = "internal"
limits.identity = {{rows_per_minute = 600, burst_rows = 1000, concurrent = 1}}
"""
QUESTION = {
    "model": "smollm2",
    "messages": [{"role": "user", "content": "Name a colour."}],
    "max_tokens": 6,
    "temperature": 0,
    "logprobs": True,
    "top_logprobs": 3,
}


def said(what):
    found = [e for e in recordings()["llama-cpp"].exchanges if e.what == what]
    return found[0].answer


def recorded_server(*, hang_after=None, cut_after=None, seen=None):
    """Answer as the real server did, in small pieces where it streams."""
    whole = said("chat, log-probabilities").body
    stream = said("chat, streamed with log-probabilities").body

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = json.loads(body)
        if seen is not None:
            seen.append(asked)
        streams = bool(asked.get("stream"))
        kind = b"text/event-stream" if streams else b"application/json"
        headers = [(b"content-type", kind), (b"x-model", b"secret-word")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if not streams:
            await send({"type": "http.response.body", "body": whole})
            return
        pieces = [stream[i : i + 97] for i in range(0, len(stream), 97)]
        for i, piece in enumerate(pieces):
            if hang_after is not None and i == hang_after:
                gone = await receive()
                seen.append(gone["type"])
                return
            if cut_after is not None and i == cut_after:
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    return app


def guarded(tmp_path, upstream, defences):
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(upstream=upstream, defences=defences))
    file = load_guard(path)
    secret = read_secret(file, SECRET)
    changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
    key = changes.issue(tenant="default", identity="app", models=("smollm2",), lifetime_s=None)
    changes.close()
    return file, {"authorization": f"Bearer {key.key.text}", "content-type": "application/json"}


def ask(callers, headers, **changed):
    body = json.dumps({**QUESTION, **changed})
    url = callers + "/v1/chat/completions"
    return urllib3.request("POST", url, body=body, headers=headers, retries=False)


def events(body):
    return [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]


def text_and_scores(body):
    """Return the text and the log-probabilities of a streamed reply."""
    pieces = [json.loads(e)["choices"] for e in events(body) if e != "[DONE]"]
    text, scores = "", []
    for choices in pieces:
        for choice in choices:
            text += choice["delta"].get("content") or ""
            scores += (choice.get("logprobs") or {}).get("content") or []
    return text, scores


@pytest.mark.parametrize(
    "defences",
    [
        "[]",
        '[{kind = "round", digits = 2}]',
        '[{kind = "top_k", k = 1}]',
        '[{kind = "hard_label"}]',
    ],
)
def test_a_stream_says_what_the_whole_reply_says(tmp_path, defences):
    with serving(recorded_server()) as upstream:
        file, headers = guarded(tmp_path, upstream, defences)
        with guarding(file, SECRET) as (_, callers, _admin):
            whole = ask(callers, headers)
            streamed = ask(callers, headers, stream=True)
            assert (whole.status, streamed.status) == (200, 200)
            choice = whole.json()["choices"][0]
            text, scores = text_and_scores(streamed.data)
            assert text == choice["message"]["content"] != ""
            assert scores == ((choice.get("logprobs") or {}).get("content") or [])
            assert bool(scores) == ("hard_label" not in defences)
            assert events(streamed.data)[-1] == "[DONE]"
            for reply in (whole, streamed):
                assert "secret-word" not in str(dict(reply.headers)) + reply.data.decode()
                assert b"chatcmpl-" not in reply.data or b"llama" not in reply.data


def test_a_stream_that_breaks_off_ends_in_the_guards_words_and_gives_its_place_back(tmp_path):
    with serving(recorded_server(cut_after=12)) as upstream:
        file, headers = guarded(tmp_path, upstream, "[]")
        with guarding(file, SECRET) as (_, callers, _admin):
            for _ in range(3):  # one at a time is allowed: a lost place would show as 429
                reply = ask(callers, headers, stream=True)
                assert reply.status == 200
                last = json.loads(events(reply.data)[-1])
                assert "The model gave no usable answer." in json.dumps(last)


def test_a_caller_who_leaves_frees_the_model_server(tmp_path):
    seen = []
    with serving(recorded_server(hang_after=6, seen=seen)) as upstream:
        file, headers = guarded(tmp_path, upstream, "[]")
        with guarding(file, SECRET) as (_parts, callers, _admin):
            pool = urllib3.PoolManager()
            body = json.dumps({**QUESTION, "stream": True})
            url = callers + "/v1/chat/completions"
            reply = pool.urlopen("POST", url, body=body, headers=headers, preload_content=False)
            assert reply.read(10)
            reply.close()
            pool.clear()
            deadline = time.monotonic() + 10
            while "http.disconnect" not in seen:
                assert time.monotonic() < deadline
                time.sleep(0.02)


def test_what_is_not_allowed_is_not_asked(tmp_path):
    seen = []
    with serving(recorded_server(seen=seen)) as upstream:
        file, headers = guarded(tmp_path, upstream, "[]")
        with guarding(file, SECRET) as (_, callers, _admin):
            for extra in ({"logit_bias": {"1": 5}}, {"n": 5}, {"tools": []}, {"zzz": 1}):
                assert ask(callers, headers, **extra).status == 400, extra
            assert seen == []
