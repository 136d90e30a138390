"""uvicorn's HTTP/1.1 with bounds that it does not have: on the size of a head, and on its age."""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 32_768
HEAD_TIMEOUT_S = 10.0


class BoundedHttp(HttpToolsProtocol):
    """A connection that may not take for ever to say what it wants.

    Subclassed because uvicorn has no other place for it. One sweep over all connections replaces a
    timer for each request.
    """

    _head_since: float | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Start the clock: a connection that asks nothing is closed too."""
        super().connection_made(transport)
        self._head_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Refuse a head that goes on for too long."""
        super().data_received(data)
        if self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The request is too long.")

    def on_message_begin(self) -> None:
        """Start the clock again."""
        self._head_since = self.loop.time()
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has bounds of its own."""
        self._head_since = None
        super().on_headers_complete()

    def too_old(self, now_s: float) -> bool:
        """Return whether this connection has been at its head for too long."""
        return self._head_since is not None and now_s - self._head_since > HEAD_TIMEOUT_S


async def sweep(connections: Iterable[Any], *, every_s: float = 1.0) -> None:
    """Close connections whose heads are too old, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_s)
        now_s = loop.time()
        for connection in list(connections):
            if isinstance(connection, BoundedHttp) and connection.too_old(now_s):
                connection.transport.close()
