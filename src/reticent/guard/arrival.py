"""A request on its way in: its headers and its body, each within bounds."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from reticent.guard import refusals

#: Headers that change what a request means; twice is an attempt to be read in two ways.
SINGLE = frozenset(
    ("content-type", "content-encoding", "content-length", "host", "transfer-encoding")
)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Disconnected(Exception):
    """The caller has gone; nobody is left to answer."""


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return name -> value, names in lower case; a header that came twice is left out.

    Raises: Refused if a header that decides the meaning of the request came twice.
    """
    headers: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in raw:
        plain = name.decode("latin-1")
        if plain in headers:
            twice.add(plain)
        headers[plain] = value.decode("latin-1")
    for repeated in twice:
        if repeated in SINGLE:
            raise refusals.unreadable()
        del headers[repeated]
    return headers


def media_type(headers: Mapping[str, str]) -> str:
    """Return the body's media type without parameters, in lower case.

    >>> media_type({"content-type": "Application/JSON; charset=UTF-8"})
    'application/json'
    """
    return _media_type(headers.get("content-type", ""))


@lru_cache(maxsize=256)
def _media_type(said: str) -> str:
    return said.partition(";")[0].strip().lower()


async def read_body(
    receive: Receive, headers: Mapping[str, str], *, longest: int, timeout_s: float
) -> bytes:
    """Return the body, with its encoding undone.

    Args:
        receive: ASGI's.
        headers: of the request.
        longest: most bytes, before and after the encoding is undone.
        timeout_s: for all of it.

    Raises: Refused if it is too long, too slow or in an unknown encoding; Disconnected.
    """
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > longest:
        raise refusals.too_long()
    try:
        async with asyncio.timeout(timeout_s):
            body = await _gathered(receive, longest)
    except TimeoutError as error:
        raise refusals.too_slow() from error
    return whole_body(body, headers, longest=longest)


def whole_body(body: bytes, headers: Mapping[str, str], *, longest: int) -> bytes:
    """Return a body that is all here, with its encoding undone.

    Raises: Refused if it is too long or in an unknown encoding.
    """
    if len(body) > longest:
        raise refusals.too_long()
    encoding = headers.get("content-encoding")
    return body if encoding is None else _decoded(body, encoding, longest)


async def _gathered(receive: Receive, longest: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        length += len(part)
        if length > longest:
            raise refusals.too_long()
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _decoded(body: bytes, encoding: str, longest: int) -> bytes:
    """Return what a gzip body holds, never unpacking more than `longest` bytes."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise refusals.unknown_encoding()
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, longest + 1)
    except zlib.error as error:
        raise refusals.unreadable() from error
    if len(plain) > longest:
        raise refusals.too_long()
    if not unpacker.eof or unpacker.unused_data:
        raise refusals.unreadable()
    return plain
