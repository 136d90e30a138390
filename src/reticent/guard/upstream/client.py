"""The guard's HTTP/1.1 client: one origin, kept connections, and nothing that it does not need.

It follows no redirect, knows no cookie, proxy or compression, and reads of a reply no more than
its status, its body and a few declared headers. Why it is our own: ADR 10.

**Asking twice.** A server may close a kept connection just as a request goes out over it. If a
connection that has carried a reply before is lost before a single byte of the next one, the
request is sent once more, over a new connection, within the same deadline. Whether the server
had begun on it cannot be known. That is harmless here: a prediction changes nothing, the caller's
rows are booked once whatever happens behind the guard, and no byte of the first reply was seen, so
nobody gets two answers. Never asked again: after a byte of a reply, after a timeout, over a
connection that was new, or a third time. `retry_lost=False` turns it off for a server that
bills.
"""

import asyncio
import ssl as tls
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import final
from urllib.parse import urlsplit

from reticent.guard.upstream.address import PinnedAddresses, Resolver, system_resolver
from reticent.guard.upstream.connection import Connection, ConnectionLost
from reticent.guard.upstream.errors import UpstreamDown, UpstreamSlow
from reticent.guard.upstream.pool import ConnectionPool
from reticent.guard.upstream.reply import ReplyReader
from reticent.guard.upstream.request import RequestWriter
from reticent.protocols.base import WireRequest, WireResponse

LONGEST_STREAM_S = 600.0

_PORTS = {"http": 80, "https": 443}


@final
class HttpUpstream:
    """A model server over HTTP/1.1, or HTTPS with its certificate verified.

    Args:
        origin: scheme, host and port, from the configuration.
        connections: most connections at once.
        timeout_s: from `send` to the last byte of the reply, waiting for a connection included;
            for streams to the head of the reply, and then from one piece to the next.
        connect_timeout_s: longest that making a connection may take, TLS included.
        stream_timeout_s: longest that a stream may take in all.
        idle_s: longest that an unused connection is kept; less than the 5 s after which uvicorn,
            which many model servers run on, closes it.
        max_reply_bytes: longest body of a reply.
        max_header_bytes: longest head of a reply.
        keep: names of further reply headers to pass on, in lower case.
        fixed_headers: go with every request, e.g. the server's own credential.
        retry_lost: ask once more when a kept connection turns out to be gone.
        resolver: name, port -> addresses.
        ssl: TLS settings for https; default: the system's authorities, TLS 1.2 or later.
    """

    __slots__ = (
        "_addresses",
        "_connect_timeout_s",
        "_host",
        "_keep",
        "_loop",
        "_max_header_bytes",
        "_max_reply_bytes",
        "_pool",
        "_port",
        "_retry_lost",
        "_ssl",
        "_stream_timeout_s",
        "_timeout_s",
        "_writer",
    )

    def __init__(
        self,
        origin: str,
        *,
        connections: int = 64,
        timeout_s: float = 30.0,
        connect_timeout_s: float = 5.0,
        stream_timeout_s: float = LONGEST_STREAM_S,
        idle_s: float = 4.0,
        max_reply_bytes: int = 16_000_000,
        max_header_bytes: int = 16_384,
        keep: Collection[str] = (),
        fixed_headers: Mapping[str, str] | None = None,
        retry_lost: bool = True,
        resolver: Resolver = system_resolver,
        ssl: tls.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        self._host = host
        self._port = parts.port or _PORTS[parts.scheme]
        self._ssl = (ssl or tls.create_default_context()) if parts.scheme == "https" else None
        self._addresses = PinnedAddresses(host, self._port, resolver=resolver)
        self._connect_timeout_s = connect_timeout_s
        self._keep = tuple(keep)
        self._loop: asyncio.AbstractEventLoop | None = None  # in which it is used first
        self._max_header_bytes = max_header_bytes
        self._max_reply_bytes = max_reply_bytes
        self._pool = ConnectionPool(self._connect, most=connections, idle_s=idle_s)
        self._retry_lost = retry_lost
        self._stream_timeout_s = stream_timeout_s
        self._timeout_s = timeout_s
        self._writer = RequestWriter(parts.netloc, fixed_headers or {})

    async def send(self, request: WireRequest) -> WireResponse:
        """Return the whole reply to a request, whatever its status, except redirects.

        Raises: UpstreamError. Cancelling ends the connection, so the server can notice.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        now_s = loop.time()
        deadline_s = now_s + self._timeout_s
        data = self._writer.write(request)
        connection = self._pool.take(now_s)
        if connection is None:
            connection = await self._ask(data, now_s, deadline_s, whole=True)
        else:
            try:
                await connection.ask(data, deadline_s, whole=True)
            except BaseException as error:
                connection = await self._ask_again(
                    connection, error, data, now_s, deadline_s, whole=True
                )
        reader = connection.reader
        response = WireResponse(reader.status, reader.take(), reader.media_type, reader.headers)
        self._pool.give_back(connection, loop.time())
        return response

    @asynccontextmanager
    async def stream(self, request: WireRequest) -> AsyncIterator["HttpStream"]:
        """Hold the reply to a request while its body comes.

        Leaving early ends the connection. Raises: UpstreamError.
        """
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        connection = await self._ask(
            self._writer.write(request), now_s, now_s + self._timeout_s, whole=False
        )
        try:
            yield HttpStream(connection, self._timeout_s, now_s + self._stream_timeout_s)
        finally:
            self._pool.give_back(connection, loop.time())  # ends it if there is more to come

    async def close(self) -> None:
        """End all connections; whatever is under way fails."""
        self._pool.close()

    async def _ask(
        self, data: bytes, now_s: float, deadline_s: float, *, whole: bool
    ) -> Connection:
        pool = self._pool
        connection = pool.take(now_s) or await pool.new(deadline_s)
        try:
            await connection.ask(data, deadline_s, whole=whole)
        except BaseException as error:
            return await self._ask_again(connection, error, data, now_s, deadline_s, whole=whole)
        return connection

    async def _ask_again(
        self,
        lost: Connection,
        error: BaseException,
        data: bytes,
        now_s: float,
        deadline_s: float,
        *,
        whole: bool,
    ) -> Connection:
        """Ask over a new connection if the one before was lost unanswered; else raise `error`."""
        pool = self._pool
        if not self._retry_lost or not isinstance(error, ConnectionLost):
            lost.abort()
            pool.give_back(lost, now_s)
            try:
                raise error
            finally:
                del error  # it holds this frame: they would wait for the collector
        connection = await pool.fresh(lost, deadline_s)
        try:
            await connection.ask(data, deadline_s, whole=whole)
        except BaseException:
            connection.abort()
            pool.give_back(connection, now_s)
            raise
        return connection

    async def _connect(self, deadline_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(deadline_s, loop.time() + self._connect_timeout_s)):
                return await self._connect_to(await self._addresses.find(loop.time()))
        except TimeoutError:
            self._addresses.forget()
            raise UpstreamSlow("no connection to the model server could be made in time.") from None

    async def _connect_to(self, addresses: tuple[str, ...]) -> Connection:
        loop = asyncio.get_running_loop()
        for address in addresses:
            try:
                _, connection = await loop.create_connection(
                    self._connection,
                    address,
                    self._port,
                    ssl=self._ssl,
                    server_hostname=self._host if self._ssl is not None else None,
                )
            except tls.SSLError as error:
                raise UpstreamDown(
                    f"the model server's certificate or TLS is not accepted ({error.reason}).",
                    way_out="Check the host in upstream, and the authority of its certificate.",
                ) from None
            except OSError:
                continue
            return connection
        self._addresses.forget()
        raise UpstreamDown("no connection to the model server could be made.")

    def _connection(self) -> Connection:
        reader = ReplyReader(
            max_header_bytes=self._max_header_bytes,
            max_reply_bytes=self._max_reply_bytes,
            keep=self._keep,
        )
        return Connection(reader, self._pool.forget)


@final
class HttpStream:
    """A reply whose body still comes; see `StreamedReply`."""

    __slots__ = ("_connection", "_end_s", "_gap_s", "headers", "media_type", "status")

    def __init__(self, connection: Connection, gap_s: float, end_s: float) -> None:
        reader = connection.reader
        self._connection = connection
        self._end_s = end_s
        self._gap_s = gap_s
        self.headers: Mapping[str, str] = reader.headers
        self.media_type: str = reader.media_type
        self.status: int = reader.status

    async def chunks(self) -> AsyncIterator[bytes]:
        """Return the body's pieces as they come, cut anywhere; once only.

        Raises: UpstreamError if the body does not end well.
        """
        loop = asyncio.get_running_loop()
        reader = self._connection.reader
        while True:
            piece = reader.take()
            if piece:
                yield piece
            elif reader.complete:
                return
            else:
                await self._connection.more(min(loop.time() + self._gap_s, self._end_s))
