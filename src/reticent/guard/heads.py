"""The head of a caller's request: what it asks, whether it may, and whether the next is alike."""

import re
from collections.abc import Mapping
from itertools import chain
from typing import final
from urllib.parse import unquote

import httptools

from reticent.guard import refusals
from reticent.guard.alike import AlikeButLength
from reticent.guard.seats import Seat

MOST_HEAD_BYTES = 32_768
_SPECIAL = re.compile(rb"[^!-~]|[%?#]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)


@final
class Request:
    """A request of which the head is there, and more and more of the body."""

    __slots__ = (
        "asks",
        "body_bytes",
        "came",
        "complete",
        "held_bytes",
        "keep",
        "known",
        "left_bytes",
        "method",
        "old",
        "parts",
        "raw",
        "upgrade",
        "url",
        "wire_bytes",
    )

    def __init__(
        self, method: str, url: bytes, raw: list[tuple[bytes, bytes]], *, version: str
    ) -> None:
        self.method = method
        self.url = url
        self.raw = raw
        self.known = version in ("1.1", "1.0")
        self.old = version != "1.1"
        self.asks = False  # waits for "100 Continue" before it goes on
        self.body_bytes = 0  # so far
        self.came = b""  # all of it, if it came in one piece
        self.complete = False
        self.held_bytes = 0
        self.keep = False  # another may follow
        self.left_bytes = -1  # of the body, let go after the reply; -1 before it
        self.parts: list[bytes] = []
        self.upgrade = False  # to another protocol is asked for, and no body was read
        self.wire_bytes = 0  # of the body so far, with chunk extensions and trailers


@final
class KnownHead:
    """The head of a request that was read and checked, but for its length: the next may be alike.

    llhttp comes to the same end with the same bytes, so what a kept connection repeats need not be
    read again.

    Args:
        bytes_: the head.
        request: as it was read; one at a time is answered.
        headers: without the length.
        path, query: as they were read.

    Attributes:
        body_in: returns the body of a request that is alike, None for one that is not.
        seat: what the pipeline remembers of it.
    """

    __slots__ = ("body_in", "headers", "path", "query", "request", "seat")

    def __init__(
        self,
        bytes_: AlikeButLength,
        request: Request,
        headers: Mapping[str, str],
        path: str,
        query: bytes,
    ) -> None:
        self.body_in = bytes_.body_in
        self.request = request
        self.headers = headers
        self.path = path
        self.query = query
        self.seat = Seat()


def known_head(
    request: Request, headers: Mapping[str, str], path: str, query: bytes
) -> KnownHead | None:
    """Return what the next request may repeat; None if this one is not of the usual kind."""
    came, request.came = request.came, b""
    head_bytes = len(came) - request.body_bytes
    if (
        not came
        or not request.keep
        or head_bytes <= 0
        or not came.startswith(b"\r\n\r\n", head_bytes - 4)
        or not headers.keys().isdisjoint(("transfer-encoding", "expect", "upgrade", "connection"))
    ):
        return None
    head = came[:head_bytes]
    found = _LENGTH.findall(head)
    place = _LENGTH.search(head)
    if place is None or len(found) != 1 or int(found[0]) != request.body_bytes:
        return None
    request.parts.clear()
    return KnownHead(
        AlikeButLength(head[: place.start(1)], head[place.end(1) :]),
        request,
        {name: value for name, value in headers.items() if name != "content-length"},
        path,
        query,
    )


def check_framing(request: Request, headers: Mapping[str, str]) -> None:
    """Raise Refused for a request that other servers might read otherwise."""
    head_bytes = len(request.url) + len(b"".join(chain.from_iterable(request.raw)))
    chunks = headers.get("transfer-encoding")
    if (
        not request.known
        or head_bytes > MOST_HEAD_BYTES
        or (chunks is not None and (chunks.lower() != "chunked" or request.old))
        or ("host" not in headers and not request.old)
    ):
        raise refusals.unreadable()


def target_of(url: bytes) -> tuple[str, bytes]:
    """Return path, decoded, and query of a request's target.

    Raises: Refused for a target that is none.
    """
    if url.startswith(b"/") and not _SPECIAL.search(url):
        return url.decode("latin-1"), b""
    try:
        parts = httptools.parse_url(url)
        return unquote(parts.path.decode("ascii")), parts.query or b""
    except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):
        raise refusals.unreadable() from None
