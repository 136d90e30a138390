"""The heads of replies: the same few headers whichever server sends them."""

import math
from functools import lru_cache
from http import HTTPStatus

from reticent.guard.pipeline import Reply

UNREADABLE = Reply(400, b'{"error":"The request cannot be read."}')
NO_UPGRADE = Reply(400, b'{"error":"Only HTTP/1.1 is spoken here: ask without Upgrade."}')

_FIXED = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


def headers_of(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Return the headers of a reply, without those that say where it ends."""
    return _headers(reply.status, reply.media_type, reply.digest, _wait_s(reply))


def head_of(reply: Reply, *, framing: bytes) -> bytes:
    """Return the head of a reply as HTTP/1.1 has it, up to and including the lines of `framing`."""
    if reply.retry_after_s:  # as many as there are seconds: not worth keeping
        return _written(reply.status, reply.media_type, reply.digest, _wait_s(reply)) + framing
    return _kept(reply.status, reply.media_type, reply.digest) + framing


@lru_cache(maxsize=1024)
def _kept(status: int, media_type: str, digest: str) -> bytes:
    return _written(status, media_type, digest, 0)


def _written(status: int, media_type: str, digest: str, wait_s: int) -> bytes:
    lines = [b"%b: %b\r\n" % header for header in _headers(status, media_type, digest, wait_s)]
    phrase = HTTPStatus(status).phrase.encode("ascii")
    return b"HTTP/1.1 %d %b\r\n%b" % (status, phrase, b"".join(lines))


def _headers(status: int, media_type: str, digest: str, wait_s: int) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", media_type.encode("ascii")), *_FIXED]
    if digest:
        headers.append((b"reticent-policy", digest.encode("ascii")))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if wait_s:
        headers.append((b"retry-after", b"%d" % wait_s))
    return headers


def _wait_s(reply: Reply) -> int:
    return max(1, math.ceil(reply.retry_after_s)) if reply.retry_after_s else 0
