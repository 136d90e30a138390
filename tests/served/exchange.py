"""Requests, answers, and the files that keep them.

A body stands in a file under one of three keys: `body` (its JSON value), `body_text` (exact, where
it is text but not JSON: server-sent events, broken JSON, CSV) or `body_base64` (exact bytes).
"""

import base64
import http.client
import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).resolve().parents[1] / "protocols" / "recorded"
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One request and why it is asked.

    Attributes:
        what: A short description.
        path: With its query string.
        body: Bytes as sent, or a value that is sent as compact JSON.
        at: Another address of the server, by its name in `Served.others`.
    """

    what: str
    method: str
    path: str
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    at: str = ""

    def sent(self) -> tuple[bytes, dict[str, str]]:
        """Return the bytes of the body and the headers that go with them."""
        if isinstance(self.body, bytes):
            return self.body, dict(self.headers)
        data = json.dumps(self.body, separators=(",", ":")).encode()
        return data, {"content-type": "application/json"} | dict(self.headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, framing undone; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request and its answer."""

    what: str
    method: str
    path: str
    request_headers: dict[str, str]
    request_body: bytes
    answer: Answer
    at: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """All recorded exchanges with one server.

    Attributes:
        server: Name and version.
        kind: `recorded from the real server` or `written from the documentation`.
    """

    server: str
    kind: str
    exchanges: tuple[Exchange, ...]


def send(url: str, ask: Ask, timeout_s: float = 60.0) -> Answer:
    """Send one request on a connection of its own, follow nothing, and read the whole answer."""
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout_s)
    data, headers = ask.sent()
    try:
        connection.request(ask.method, ask.path, body=data or None, headers=headers)
        response = connection.getresponse()
        body = response.read()
        named = {k.lower(): v for k, v in response.getheaders()}
    finally:
        connection.close()
    return Answer(response.status, named, body)


def encoded(body: bytes) -> dict[str, Any]:
    """Return a body under the key that its kind has in a file; an empty one has none."""
    if not body:
        return {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if _NOT_TEXT.search(text):
        return {"body_base64": base64.b64encode(body).decode()}
    try:
        return {"body": json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)}
    except ValueError:
        return {"body_text": text}


def decoded(part: Mapping[str, Any]) -> bytes:
    """Return the body of a request or response of a file; JSON comes out compact."""
    if "body_base64" in part:
        return base64.b64decode(part["body_base64"], validate=True)
    if "body_text" in part:
        return str(part["body_text"]).encode()
    if "body" in part:
        return json.dumps(part["body"], separators=(",", ":"), ensure_ascii=False).encode()
    return b""


def load(path: Path) -> Recording:
    """Read one file of recorded exchanges.

    Headers that only frame a body (such as `content-length`) are left out of `Exchange`, since a
    body may have been written again.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    return Recording(
        content["server"],
        content["kind"],
        tuple(_exchange(each) for each in content["exchanges"]),
    )


def recordings() -> dict[str, Recording]:
    """Return every recording by the name of its file, without `.json`."""
    return {path.stem: load(path) for path in sorted(RECORDED.glob("*.json"))}


def _exchange(each: Mapping[str, Any]) -> Exchange:
    request, response = each["request"], each["response"]
    answer = Answer(response["status"], _unframed(response["headers"]), decoded(response))
    return Exchange(
        each["what"],
        request["method"],
        request["path"],
        _unframed(request["headers"]),
        decoded(request),
        answer,
        request.get("at", ""),
    )


def _unframed(headers: Mapping[str, str]) -> dict[str, str]:
    return {k.lower(): v for k, v in headers.items() if k.lower() not in _FRAMING}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)
