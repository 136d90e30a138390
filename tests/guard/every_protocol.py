"""A guard with an endpoint for every protocol and task, and a model server that speaks them all.

The server reads what the guard sends with the same protocols, so what it cannot read shows up as
an error, and it talks too much: every reply of its holds a word that nobody is to see.
"""

import json
import traceback

import numpy as np

from reticent.config import parse_guard
from reticent.config.interfaces import interface_of
from reticent.core import Answer, Choice, TextReply, Usage
from reticent.core.text import TokenScores
from reticent.protocols import Question, WireRequest, protocol_kinds
from reticent.protocols._openai import ASKED

CANARY = "upstream-secret-word"
PLACES = {
    "classification": {"scores": "$.scores", "label": "$.label"},
    "regression": {"value": "$.value"},
    "embedding": {"embedding": "$.embedding"},
}
COLUMNS = [
    {"name": "age", "kind": "integer", "low": 0.0, "high": 120.0},
    {"name": "income", "low": 0.0, "missing": True},
    {"name": "country", "kind": "text", "values": ["at", "de"]},
    {"name": "member", "kind": "boolean"},
]
FREE = {"rows_per_minute": 1e6, "burst_rows": 1_000_000}


def endpoints(origin):
    found = []
    for kind, protocol in protocol_kinds().items():
        for task in protocol.tasks:
            for columns in (False, True):
                if columns and kind.startswith("openai"):
                    continue
                name = f"{kind}-{task}{'-columns' if columns else ''}"
                endpoint = {
                    "model": name,
                    "owner": "Tests",
                    "protocol": kind,
                    "upstream": origin,
                    "task": task,
                    "sensitivity": "public",
                    "limits": {"identity": FREE},
                    "path": f"/models/{name}",
                }
                if kind.startswith("openai"):
                    if task == "text":  # two at one path: the body says which
                        del endpoint["path"]
                        found.append({**endpoint, "model": f"{name}-2"})
                elif columns:
                    endpoint["inputs"] = COLUMNS
                else:
                    endpoint["row_shape"] = [3]
                if columns and kind == "open-inference":
                    endpoint["settings"] = {"form": "columns"}
                if kind == "generic":
                    endpoint["settings"] = {"inputs": "$.rows", **PLACES[task]}
                if task == "classification":
                    endpoint["classes"] = [0, 1]
                found.append(endpoint)
    return found


def described(origin, folder):
    """Return the configuration of a guard before a server at `origin`."""
    doc = {
        "policy": [{"name": "plain", "defences": [{"kind": "round", "digits": 2}]}],
        "guard": {
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "state": str(folder / "state"),
            "endpoint": endpoints(origin),
        },
    }
    return parse_guard(doc)


def answer_of(task, n):
    ones = 0.5 + np.arange(1, n + 1) / (7 * n + 7)
    if task == "regression":
        return Answer(values=ones)
    if task == "embedding":
        return Answer(embeddings=np.stack([ones, 1 - ones], axis=1))
    return Answer(labels=np.ones(n, dtype=int), scores=np.stack([1 - ones, ones], axis=1))


def said(question):
    """Return what a language model says: two tokens for every text that was asked for."""
    asked = question.details[ASKED]
    scores = None
    if asked.alternatives is not None:
        width = max(1, asked.alternatives)
        words = [" blue", " red", *(f" grey{i}" for i in range(width))][:width]
        row = np.array([0.6 / 2**i for i in range(width)])
        scores = TokenScores(
            tokens=(tuple(words),) * 2,
            answer=Answer(labels=np.zeros(2, dtype=int), scores=np.stack([row, row])),
        )
    return [
        Choice(index=i, text=" blue blue", finish_reason="stop", token_scores=scores)
        for i in range(question.cost)
    ]


def server(by_path):
    """Return the ASGI application of the server; `by_path`: path -> its endpoints."""

    def reply(scope, body):
        path = scope["path"]
        media_type = dict(scope["headers"]).get(b"content-type", b"").decode()
        found = by_path[path]
        endpoint = found[0]
        if len(found) > 1:
            named = json.loads(body)["model"]
            endpoint = next(each for each in found if each.model == named)
        protocol, interface = protocol_kinds()[endpoint.protocol](), interface_of(endpoint)
        request = WireRequest(method="POST", path=path, body=body, media_type=media_type)
        question: Question = protocol.read_question(request, interface)
        if endpoint.task != "text":
            answer = answer_of(endpoint.task, len(question.rows))
            return b"application/json", protocol.write_answer(answer, question, interface)
        choices = said(question)
        if not question.stream:
            usage = Usage(prompt_tokens=3, completion_tokens=2 * len(choices))
            whole = TextReply(choices=tuple(choices), usage=usage)
            return b"application/json", protocol.write_reply(whole, question, interface)
        events = [
            protocol.write_piece(TextReply(choices=(choice,)), question, interface)
            for choice in choices
        ]
        return b"text/event-stream", b"".join(events) + protocol.write_end(question, interface)

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status = 200
        try:
            media_type, payload = reply(scope, body)
            payload = bytes(payload)
            if payload.startswith(b"{"):
                payload = payload[:-1] + b',"debug":"%b"}' % CANARY.encode()
        except Exception:
            status, media_type = 500, b"text/plain"
            payload = f"{CANARY} {traceback.format_exc()} {body!r}".encode()
        headers = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(payload)),
            (b"x-debug", CANARY.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    return app
