"""Writing requests: bytes that are the same whoever asks."""

import re
from collections.abc import Mapping
from typing import final

from reticent.guard.upstream.errors import Unsendable
from reticent.protocols.base import WireRequest

_PATH = re.compile(r"/[!-~]*", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_OURS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    )
)
_MOST_KNOWN = 1024


@final
class RequestWriter:
    """Turns a request into the bytes that go over the wire, in one piece.

    Everything before the length is the same for every request to one path, so it is checked and
    built once. Carriage returns and line feeds cannot get in: methods, paths and headers are
    matched against what may stand there, not cleaned.

    Args:
        host: value of the Host header.
        fixed: headers that go with every request, e.g. the server's own credential.
    """

    __slots__ = ("_fixed", "_host", "_known")

    def __init__(self, host: str, fixed: Mapping[str, str]) -> None:
        if not _VALUE.fullmatch(host) or " " in host:
            raise Unsendable(f"{host!r} is no host name that fits a Host header.")
        self._host = host
        self._fixed = _lines(fixed)
        self._known: dict[tuple[str, str, str], bytes] = {}

    def __repr__(self) -> str:
        return f"RequestWriter({self._host!r})"  # the fixed headers may hold a credential

    def write(self, request: WireRequest) -> bytes:
        """Return a request's bytes.

        Raises: Unsendable for a method other than GET and POST, a path or header that cannot
            stand in a request, a header that is ours to set, or a GET with a body.
        """
        key = (request.method, request.path, request.media_type)
        start = self._known.get(key)
        if start is None:
            start = self._start(*key)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = start
        further = _lines(request.headers) if request.headers else b""
        body = request.body
        if request.method == "GET":
            if body:
                raise Unsendable("a GET with a body cannot be sent: servers disagree about it.")
            return b"%b%b\r\n" % (start, further)
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (start, further, len(body), body)

    def _start(self, method: str, path: str, media_type: str) -> bytes:
        if method not in ("GET", "POST"):
            raise Unsendable("a model server is asked by GET or POST, and by nothing else.")
        if not _PATH.fullmatch(path) or "#" in path:
            raise Unsendable('a path must be printable ASCII without spaces, and start with "/".')
        lines = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n"
            "User-Agent: reticent\r\nAccept-Encoding: identity\r\n"
        ).encode("ascii")
        if media_type and method == "POST":
            if not _VALUE.fullmatch(media_type):
                raise Unsendable("a media type must be printable ASCII.")
            lines += f"Content-Type: {media_type}\r\n".encode("ascii")
        return lines + self._fixed


def _lines(headers: Mapping[str, str]) -> bytes:
    lines = []
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise Unsendable("a header has a name that cannot be sent, or that is not its to set.")
        if not _VALUE.fullmatch(value):
            raise Unsendable(f"the value of header {name} is not printable ASCII.")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("ascii")
