"""A tap between a guard and a model server: it hears both, and adds words that nobody may pass on.

The server behind it is a running one, or a recorded reply that the test lays out.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from served.exchange import Answer, Ask, send

CANARY = "CANARY"
HEADERS = {
    "server": f"{CANARY}/1.7.1",
    "x-powered-by": CANARY,
    "x-model-path": f"/opt/{CANARY}/model.joblib",
    "set-cookie": f"session={CANARY}",
    "link": f"</{CANARY}>; rel=explain",
}
_FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive", "date"}
_OF_THE_CALL = {"host", "content-length", "connection"}


@dataclass(eq=False)
class Tap:
    """An ASGI application that passes requests on to `source` and keeps what it heard."""

    source: Callable[[Ask], Answer]
    heard: list[tuple[Ask, Answer]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send_back: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        sent = {k: v for k, v in headers.items() if k not in _OF_THE_CALL}
        ask = Ask("", scope["method"], scope["path"], body, sent)
        answer = await asyncio.to_thread(self.source, ask)
        self.heard.append((ask, answer))
        kept = {k: v for k, v in answer.headers.items() if k not in _FRAMING | set(HEADERS)}
        raw = [(k.encode(), v.encode("latin-1")) for k, v in (kept | HEADERS).items()]
        await send_back({"type": "http.response.start", "status": answer.status, "headers": raw})
        told = told_more(answer, scope["path"])
        for i in range(0, len(told), 997):  # cut anywhere, as a network does
            piece = {"type": "http.response.body", "body": told[i : i + 997], "more_body": True}
            await send_back(piece)
        await send_back({"type": "http.response.body", "body": b""})


def at(url: str) -> Callable[[Ask], Answer]:
    """Return a source: the server that runs at an address."""
    return lambda ask: send(url, ask)


def told_more(answer: Answer, path: str) -> bytes:
    """Return a body with canaries wherever it has room for what nobody asked."""
    deep = not path.endswith("/completions") or path.endswith("/chat/completions")
    if answer.headers.get("content-encoding") or not answer.body:
        return answer.body
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        lines = answer.body.split(b"\n")
        return b"\n".join(_event(line, deep=deep) for line in lines)
    try:
        said = json.loads(answer.body)
    except ValueError:
        return answer.body
    if type(said) is not dict:
        return answer.body
    return json.dumps(_sprinkled(said, deep=deep)).encode()


def _event(line: bytes, *, deep: bool) -> bytes:
    data = line.removeprefix(b"data: ").strip()
    if not line.startswith(b"data: ") or not data.startswith(b"{"):
        return line
    return b"data: " + json.dumps(_sprinkled(json.loads(data), deep=deep)).encode()


def _sprinkled(value: Any, *, deep: bool) -> Any:
    """Return a value with telltales in every object; a map of scores by token has no room."""
    if type(value) is list:
        return [_sprinkled(each, deep=deep) for each in value]
    if type(value) is not dict:
        return value
    if not deep and "choices" not in value and "index" not in value:
        return value
    if set(map(type, value.values())) <= {float}:
        return value  # a score a class
    inner = {key: _sprinkled(each, deep=deep) for key, each in value.items()}
    return {**inner, f"x_{CANARY}": CANARY, f"trace_{CANARY}": {CANARY: [CANARY]}}
