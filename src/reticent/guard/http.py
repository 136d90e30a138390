"""uvicorn's HTTP/1.1 with bounds that it does not have: on the size of a head, and on its age."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 32_768
MOST_LEFT_BYTES = 4_000_000  # of a body that nobody reads any more


class BoundedHttp(HttpToolsProtocol):
    """A connection that may not take for ever to say what it wants.

    Subclassed because uvicorn has no other place for it. One sweep over all connections replaces a
    timer for each request.
    """

    _since: float | None = None  # when it began to keep us waiting for a head, or a refused body
    _head_bytes = 0
    _left_bytes = 0
    _is_whole = True  # the request read last
    _ended_one = False  # within these bytes

    def connection_made(self, transport: Any) -> None:
        """Start the clock: a connection that asks nothing is closed too."""
        super().connection_made(transport)
        self._since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Refuse a head that goes on for too long."""
        self._ended_one = False
        super().data_received(data)
        # What stands behind a whole request in the same bytes is counted from the next ones on.
        if self._since is not None and self._is_whole and not self._ended_one:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse()

    def on_message_begin(self) -> None:
        """Start the clock again."""
        self._since = self.loop.time()
        self._head_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. A trailer is none: no proxy in front has looked at it."""
        if self._is_whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has bounds of its own."""
        head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head_bytes > MOST_HEAD_BYTES:
            raise ValueError("the head is too long")  # to the parser, which makes it a 400
        if self.parser.get_http_version() not in ("1.1", "1.0"):
            raise ValueError("the version is another")
        if any(n == b"transfer-encoding" and v.lower() != b"chunked" for n, v in self.headers):
            raise ValueError("the body comes in a form that is not undone here")
        self._since = None
        self._left_bytes = 0
        self._is_whole = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece, or let it go if the request has been answered already."""
        if self.cycle.response_complete:
            self._left_bytes += len(body)
            if self._left_bytes > MOST_LEFT_BYTES:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next one."""
        self._is_whole = self._ended_one = True
        if self.cycle.response_complete:  # uvicorn's own timer has run, and starts no more
            self._since = self.loop.time()
            self._head_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the clock for what is left of a body that nobody waits for."""
        if not self._is_whole:
            self._since = self.loop.time()
        super().on_response_complete()

    def too_old(self, now_s: float, head_timeout_s: float) -> bool:
        """Return whether this connection has kept us waiting for too long."""
        return self._since is not None and now_s - self._since > head_timeout_s

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response("The request is too long.")


async def sweep(
    connections: Iterable[Any], head_timeout_s: Callable[[], float], *, every_s: float = 1.0
) -> None:
    """Close connections whose heads are too old, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_s)
        now_s, most_s = loop.time(), head_timeout_s()
        for connection in list(connections):
            if isinstance(connection, BoundedHttp) and connection.too_old(now_s, most_s):
                connection.transport.close()
