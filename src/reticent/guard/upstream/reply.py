"""Reading replies: bytes cut anywhere in, one reply out; no input or output of its own.

llhttp (through httptools) reads the grammar, and is strict: both a length and chunks, two lengths,
folded headers and bare line feeds are errors there. What it leaves open is decided here.
"""

import re
from collections.abc import Collection, Mapping
from typing import final

import httptools

from reticent.guard.alike import AlikeButLength
from reticent.guard.upstream.errors import UpstreamBad

_END = b"\r\n\r\n"
_IDENTITY = (b"", b"identity")
_FRAMING = 8  # bytes on the wire per byte of body; a chunk of one byte takes six
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})\r\n", re.IGNORECASE)
_MOST_KNOWN_BYTES = 4_096  # of a head that is remembered


@final
class _KnownHead:
    """The head of a reply that was read and taken, but for its length: the next may be alike."""

    __slots__ = ("body_in", "head_bytes", "headers", "media_type", "status")

    def __init__(
        self, bytes_: AlikeButLength, status: int, media_type: str, headers: Mapping[str, str]
    ) -> None:
        self.body_in = bytes_.body_in
        self.head_bytes = bytes_.most_bytes
        self.status = status
        self.media_type = media_type
        self.headers = headers


@final
class ReplyReader:
    """Reads the replies of one connection, one after the other.

    Args:
        max_header_bytes: longest head (status line and headers), interim ones included.
        max_reply_bytes: longest body.
        keep: names of further headers to keep, in lower case.

    Attributes:
        begun: whether a byte of the current reply has come.
        headed: whether its head is complete.
        complete: whether it is complete.
        reusable: whether the connection may carry another; meaningful once complete.
        status, media_type, headers: of the reply, once headed.
    """

    __slots__ = (
        "_body",
        "_framed_bytes",
        "_head",
        "_head_bytes",
        "_keep",
        "_known",
        "_left",
        "_max_header_bytes",
        "_max_reply_bytes",
        "_parser",
        "_saw",
        "_total_bytes",
        "begun",
        "complete",
        "fault",
        "headed",
        "headers",
        "media_type",
        "reusable",
        "status",
    )

    def __init__(
        self, *, max_header_bytes: int, max_reply_bytes: int, keep: Collection[str] = ()
    ) -> None:
        self._max_header_bytes = max_header_bytes
        self._max_reply_bytes = max_reply_bytes
        self._keep = frozenset(name.encode("ascii") for name in keep)
        self._parser = httptools.HttpResponseParser(self)
        self._known: _KnownHead | None = None
        self._body: list[bytes] = []
        self.start()
        self._start_reading()

    def start(self) -> None:
        """Get ready for the next reply."""
        self._body.clear()
        self.begun = self.complete = self.headed = self.reusable = False
        self.fault = ""

    def _start_reading(self) -> None:
        """Get ready for a reply that has to be read."""
        self._head = bytearray()
        self._head_bytes = 0
        self._framed_bytes = 0
        self._total_bytes = 0
        self._saw: set[bytes] = set()
        self._left = -1  # body bytes still to come; -1 for chunks
        self.headers: Mapping[str, str] = {}
        self.media_type = ""
        self.status = 0

    def end(self) -> None:
        """Read nothing more; what was read can still be taken."""
        del self._parser  # it holds this reader, and both would wait for the collector

    def feed(self, data: bytes) -> None:
        """Take what came.

        Raises: UpstreamBad; the connection is of no further use then.
        """
        if self.begun:
            self._read(data)
            return
        self.begun = True
        known = self._known
        if known is not None:
            body = known.body_in(data)
            if body is not None and len(body) <= self._max_reply_bytes:
                self.status = known.status
                self.media_type = known.media_type
                self.headers = known.headers
                self._body.append(body)
                self.headed = self.complete = self.reusable = True
                return
        self._start_reading()
        self._read(data)
        if self.complete and self.reusable:
            self._known = self._known_head(data)

    def _known_head(self, data: bytes) -> _KnownHead | None:
        """Return what the next reply may repeat; None if this one is not of the usual kind."""
        head = data[: self._head_bytes]
        found = _LENGTH.findall(head)
        place = _LENGTH.search(head)
        if (
            place is None
            or len(found) != 1
            or not 200 <= self.status < 300
            or self.status == 204
            or b"transfer-encoding" in self._saw
            or head[: place.start(1)].count(_END)  # of an interim reply
            or len(head) > _MOST_KNOWN_BYTES
            or len(data) - len(head) != int(found[0])
        ):
            return None
        known = _KnownHead(
            AlikeButLength(head[: place.start(1)], head[place.end(1) :]),
            self.status,
            self.media_type,
            self.headers,
        )
        return known if known.head_bytes <= self._max_header_bytes else None

    def _read(self, data: bytes) -> None:
        while not self.headed:
            if self._head:
                self._head += data
                data = bytes(self._head)
            end = data.find(_END) + len(_END)
            head_bytes = self._head_bytes + (end if end >= len(_END) else len(data))
            if head_bytes > self._max_header_bytes:
                raise UpstreamBad(
                    f"the head of a reply is longer than {self._max_header_bytes} bytes."
                )
            if end < len(_END):
                self._head = bytearray(data)
                return
            self._head_bytes = head_bytes
            self._head.clear()
            self._parse(data[:end])
            data = data[end:]
            if not data:
                return
        if self.complete:
            raise UpstreamBad("a reply is followed by bytes that nobody asked for.")
        if self._left >= 0:
            if len(data) > self._left:
                raise UpstreamBad("a reply is longer than its Content-Length.")
            self._left -= len(data)
        self._framed_bytes += len(data)
        self._parse(data)
        if self._framed_bytes > _FRAMING * self._total_bytes + self._max_header_bytes:
            raise UpstreamBad("a reply has more framing than body.")

    def take(self) -> bytes:
        """Return the part of the body that came since the last call."""
        body = self._body
        taken = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        return taken

    @property
    def held_bytes(self) -> int:
        """Return how much of the body waits to be taken."""
        return sum(map(len, self._body))

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise UpstreamBad(
                self.fault or f"a reply is not HTTP/1.1 ({type(error).__name__})."
            ) from None
        if self.fault:
            raise UpstreamBad(self.fault)

    # What httptools calls. An exception in here would be wrapped, so faults are noted instead.

    def on_message_begin(self) -> None:
        """Begin a reply."""
        if self.complete:
            self.fault = "a reply is followed by bytes that nobody asked for."

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which is dropped."""
        if self.headed:
            return
        name = name.lower()
        if name == b"content-type":
            self._once(name)
            self.media_type = value.partition(b";")[0].strip().lower().decode("latin-1")
        elif name == b"content-length":
            self._once(name)
            self._left = int(value) if value.isdigit() and len(value) < 19 else -2
        elif name == b"transfer-encoding":
            self._once(name)
            if value.strip().lower() != b"chunked":
                self.fault = "a reply has a transfer encoding other than chunked."
        elif name == b"content-encoding":
            if value.strip().lower() not in _IDENTITY:
                self.fault = "a reply is compressed, though that was not asked for."
        elif name in self._keep:
            self._once(name)
            self.headers = {**self.headers, name.decode("ascii"): value.decode("latin-1")}

    def _once(self, name: bytes) -> None:
        if name in self._saw:
            self.fault = f"a reply has two headers {name.decode('ascii')}."
        self._saw.add(name)

    def on_headers_complete(self) -> None:
        """Decide whether this is a reply that we take."""
        status = self._parser.get_status_code()
        saw = self._saw
        length, chunks = b"content-length" in saw, b"transfer-encoding" in saw
        if 100 <= status < 200 and status != 101:
            if length or chunks:
                self.fault = "an interim reply announces a body."
            return
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self.fault = "a reply is of another version than HTTP/1."
        elif not 200 <= status < 600:
            self.fault = "a reply has a status that is no final one."
        elif 300 <= status < 400:
            self.fault = f"a reply is a redirect ({status}), and those are never followed."
        elif length and chunks:
            self.fault = "a reply has both a length and chunks."
        elif self._left == -2:
            self.fault = "a reply has a Content-Length that is no number."
        elif self._left > self._max_reply_bytes:
            self.fault = f"a reply is longer than {self._max_reply_bytes} bytes."
        elif status == 204:
            if chunks or self._left > 0:
                self.fault = "a reply without content announces a body."
            self._left = 0
        elif not length and not chunks:
            self.fault = "a reply says neither its length nor that it comes in chunks."
        self.status = status
        self.headed = True
        self.reusable = version == "1.1" and self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._total_bytes += len(body)
        if self._total_bytes > self._max_reply_bytes:
            self.fault = f"a reply is longer than {self._max_reply_bytes} bytes."
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """End a reply; an interim one does not count."""
        self.complete = self.headed
