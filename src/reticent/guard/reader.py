"""Reading requests: bytes cut anywhere in, requests out; no input or output of its own.

llhttp (through httptools) reads the grammar and is strict: both a length and chunks, two lengths,
folded headers and bare line feeds are errors there. What it leaves open is decided here and in
heads.py.
"""

from collections import deque
from typing import final

import httptools

from reticent.guard.heads import MOST_HEAD_BYTES, Request

MOST_LEFT_BYTES = 4_000_000  # of a body that nobody reads any more
_FRAMING = 8  # bytes on the wire per byte of body; a chunk of one byte takes six
_MOST_KNOWN_BYTES = 4_096  # of a head that is worth remembering


@final
class RequestReader:
    """Reads the requests of one connection, one after the other.

    Attributes:
        requests: those whose head is there and whom nobody has taken; None, the last, stands for
            what is no request.
        current: the request whose body is coming.
        between: nothing of the next request has come.
        in_head: some of its head has.
        began, headed: whether a head began, and one ended, within the bytes that came last.
        fault: what came cannot be read, and what follows is not.
        overrun: more has come than is worth reading to its end.
    """

    __slots__ = (
        "_ended_one",
        "_head_bytes",
        "_parser",
        "_raw",
        "_unread_bytes",
        "_url",
        "began",
        "between",
        "current",
        "fault",
        "headed",
        "in_head",
        "overrun",
        "requests",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._raw: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._ended_one = False  # within these bytes
        self._unread_bytes = -1  # after a head that asks for another protocol; -1 for no such head
        self.began = self.headed = self.in_head = False
        self.between = True
        self.current: Request | None = None
        self.fault = self.overrun = False
        self.requests: deque[Request | None] = deque()

    def end(self) -> None:
        """Read nothing more; what was read can still be taken."""
        del self._parser  # it holds this reader, and both would wait for the collector

    def feed(self, data: bytes) -> None:
        """Take what came."""
        between, before, waiting = self.between, self.current, len(self.requests)
        self.began = self.headed = self._ended_one = self.between = False
        if self._unread_bytes >= 0:
            self._unread_bytes += len(data)
            self.overrun = self._unread_bytes > MOST_LEFT_BYTES
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The parser takes what follows for the other protocol, be it a body or the next request
            # in truth: nothing of it is read here any more.
            self._unread_bytes = 0
            return
        except httptools.HttpParserError:
            self._cannot_read()
            return
        current = self.current
        if current is None and not self._ended_one:
            # What stands behind a whole request in the same bytes is counted from the next ones on.
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._cannot_read()
            return
        if before is not None and before is current:
            before.wire_bytes += len(data)
            if before.wire_bytes > _FRAMING * before.body_bytes + MOST_HEAD_BYTES:
                self._cannot_read()  # llhttp would keep an endless trailer in memory
                return
        self.between = current is None and not self.in_head
        if between and self.between and len(self.requests) == waiting + 1:
            request = self.requests[-1]
            if request is not None and len(data) - request.body_bytes <= _MOST_KNOWN_BYTES:
                request.came = data

    def _cannot_read(self) -> None:
        self.fault = True
        self.requests.append(None)

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.in_head = self.began = True

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. A trailer is none: no proxy in front has looked at it."""
        if self.current is None:
            self._raw.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Let the request wait for its turn; its body follows."""
        parser = self._parser
        request = Request(
            parser.get_method().decode("ascii"),
            self._url,
            self._raw,
            version=parser.get_http_version(),
        )
        request.upgrade = parser.should_upgrade()
        self.current = request
        self.requests.append(request)
        self._url = b""
        self._raw = []
        self._head_bytes = 0
        self.in_head = False
        self.headed = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, or let it go if the request has been answered already."""
        request = self.current
        if request is None:
            return
        request.body_bytes += len(body)
        if request.left_bytes < 0:
            request.parts.append(body)
            request.held_bytes += len(body)
            return
        request.left_bytes += len(body)
        self.overrun = self.overrun or request.left_bytes > MOST_LEFT_BYTES

    def on_message_complete(self) -> None:
        """End a request."""
        request, self.current = self.current, None
        self._ended_one = True
        if request is not None:
            request.complete = True
            request.keep = not request.old and self._parser.should_keep_alive()
