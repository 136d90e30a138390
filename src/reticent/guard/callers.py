"""HTTP/1.1 for callers: one connection, read strictly, answered in order, bounded in all it takes.

Why it is our own: ADR 11.
"""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Protocol, cast, final

from reticent.guard import refusals
from reticent.guard.arrival import Disconnected, read_headers
from reticent.guard.chunks import send_in_chunks
from reticent.guard.heads import KnownHead, Request, check_framing, known_head, target_of
from reticent.guard.pipeline import Pipeline, Reply
from reticent.guard.reader import RequestReader
from reticent.guard.refusals import Refused
from reticent.guard.replies import NO_UPGRADE, UNREADABLE, head_of
from reticent.guard.turns import Errand, in_task

_MOST_HELD_BYTES = 65_536
_MOST_WAITING = 2
_NEVER_S: Final = float("inf")
_MOST_MISSES = 8


class Port(Protocol):
    """What a connection has of the port that it came to.

    Attributes:
        connections: those that are there.
        head_timeout_s: longest wait for the head of a request, and for the rest of a body that
            nobody wants any more.
        idle_timeout_s: longest wait for the next request.
        loop: where all of it runs.
        pipeline: what requests go through.
        taking_timeout_s: longest wait for a caller to take some of what was written.
    """

    connections: "set[CallerConnection]"
    head_timeout_s: Callable[[], float]
    idle_timeout_s: float
    loop: asyncio.AbstractEventLoop
    pipeline: Pipeline
    taking_timeout_s: float


@final
class CallerConnection(asyncio.Protocol):
    """A caller's connection.

    Args:
        port: what it came to.
    """

    __slots__ = (
        "_address",
        "_busy",
        "_deadline_s",
        "_drained",
        "_errand",
        "_gone",
        "_known",
        "_last",
        "_misses",
        "_now",
        "_over",
        "_paused",
        "_port",
        "_reader",
        "_requests",
        "_streaming",
        "_taken_by_s",
        "_transport",
        "_wake",
    )

    def __init__(self, port: Port) -> None:
        self._port = port
        self._reader = RequestReader()
        self._requests = self._reader.requests
        self._now: Request | None = None  # being answered
        self._errand = Errand(port.loop)
        self._busy = False  # requests are being answered
        self._known: KnownHead | None = None
        self._misses = 0  # heads that were remembered in vain
        self._last = False  # nothing more is begun
        self._over = False  # nothing more will come
        self._paused = False
        self._streaming = False
        self._wake: asyncio.Future[None] | None = None  # of the errand, for whatever comes
        self._drained: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] = port.loop.create_future()
        self._taken_by_s = _NEVER_S
        self._deadline_s = port.loop.time() + port.head_timeout_s()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._port.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        reader = self._reader
        if reader.fault or self._over:
            return
        known = self._known
        if known is not None and reader.between and not self._busy and not self._requests:
            body = known.body_in(data)
            if body is not None:
                self._misses = 0
                self._deadline_s = _NEVER_S
                self._busy = True
                self._errand.begin(self._serve(known, body))
                return
        reader.feed(data)
        if reader.overrun:
            self._transport.close()
            return
        if reader.headed:
            self._deadline_s = _NEVER_S
        if reader.began and reader.in_head and self._now is None:
            self._deadline_s = self._port.loop.time() + self._port.head_timeout_s()
        self._mind_the_flow()
        self._work()

    def eof_received(self) -> bool:
        """Take the end of what a caller says: what was asked is still answered, but no stream."""
        self._over = True
        self._woken()
        return (self._now is not None or bool(self._requests)) and not self._streaming

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the caller is gone."""
        self._over = True
        self._reader.end()
        self._port.connections.discard(self)
        self._gone.set_result(None)
        self._woken()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Wait for a caller who is slow to take."""
        self._drained = self._port.loop.create_future()
        self._taken_by_s = self._port.loop.time() + self._port.taking_timeout_s

    def resume_writing(self) -> None:
        """Go on."""
        self._taken_by_s = _NEVER_S
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What the port calls.

    def too_old(self, now_s: float) -> bool:
        """Return whether the caller has kept us waiting for too long."""
        return now_s > self._deadline_s or now_s > self._taken_by_s

    def end(self) -> None:
        """End it, at once if its caller does not even take what was written."""
        if self._taken_by_s < _NEVER_S:
            self._transport.abort()
        else:
            self._transport.close()

    def stop(self) -> None:
        """End it when all that was begun is answered."""
        self._last = True
        self._woken()
        if not self._busy and self._reader.current is None:
            self._transport.close()

    def cancel(self) -> None:
        """End it whatever is under way."""
        self._errand.cancel()
        self._transport.abort()

    # One request after the other.

    def _work(self) -> None:
        """Have what has come answered."""
        if self._busy:
            self._woken()
        elif self._requests:
            self._busy = True
            self._errand.begin(self._serve())

    async def _serve(self, known: KnownHead | None = None, body: bytes = b"") -> None:
        """Answer what has been asked, until there is nothing more.

        Args:
            known: the head of a request that is alike, which comes first; None for none.
            body: all of its body.
        """
        requests = self._requests
        stays = False
        try:
            if known is not None:
                alike = self._now = known.request
                if self._drained is not None:
                    await self._drained
                reply = await self._port.pipeline.handle(
                    alike.method,
                    known.path,
                    known.query,
                    known.headers,
                    self._address,
                    body,
                    known.seat,
                )
                if reply.stream is None:
                    self._write(reply, alike)
                elif not await self._stream(reply, alike):
                    return
                if not self._goes_on(alike):
                    return
                self._now = None
            while not self._gone.done():
                if requests:
                    request = self._now = requests.popleft()
                    if self._paused:
                        self._mind_the_flow()
                    if request is None:
                        self._write(UNREADABLE, None)
                        return
                    if not await self._answer(request):
                        return
                    self._now = None
                elif self._over or (self._last and self._reader.current is None):
                    return
                else:
                    stays = True
                    return
        except Disconnected:
            pass
        except Exception as error:
            self._port.pipeline.tally.fault(error)
        finally:
            self._busy = False
            if not stays:
                self._transport.close()

    async def _answer(self, request: Request) -> bool:
        """Answer a request; return whether another may follow."""
        if self._drained is not None:
            await self._drained
        body: bytes | None = None
        try:
            headers = read_headers(request.raw)
            check_framing(request, headers)
            path, query = target_of(request.url)
        except Refused:
            self._write(UNREADABLE, None)
            return False
        if request.upgrade:
            await self._refuse_upgrade()
            return False
        if request.complete:
            body = b"".join(request.parts)
            if request.came and self._misses < _MOST_MISSES:
                self._misses += 1
                self._known = known_head(request, headers, path, query)
        else:
            request.asks = headers.get("expect", "").lower() == "100-continue"
            await in_task()
        reply = await self._port.pipeline.handle(
            request.method,
            path,
            query,
            headers,
            self._address,
            body if body is not None else _Pieces(self, request).receive,
        )
        if reply.stream is not None:
            if not await self._stream(reply, request):
                return False
        else:
            self._write(reply, request)
        if not request.complete:
            await self._let_go(request)
        return self._goes_on(request)

    def _goes_on(self, request: Request) -> bool:
        """Return whether another request may follow one that is answered, and wait for it."""
        if not request.keep or self._reader.fault or self._last:
            return False
        port = self._port
        self._deadline_s = port.loop.time() + (
            port.head_timeout_s() if self._reader.in_head else port.idle_timeout_s
        )
        return True

    async def piece(self, request: Request) -> bytes:
        """Return the next piece of a request's body; b"" at its end.

        Raises: Refused if what comes is none; Disconnected.
        """
        if request.asks and not request.parts:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.asks = False
        while not request.parts and not request.complete:
            if self._reader.fault:
                raise refusals.unreadable()
            if self._over:
                raise Disconnected
            await self._more()
        body = b"".join(request.parts)
        request.parts.clear()
        request.held_bytes = 0
        self._mind_the_flow()
        return body

    async def _let_go(self, request: Request) -> None:
        """Read the rest of a body that nobody wants, for a while."""
        request.parts.clear()
        request.held_bytes = request.left_bytes = 0
        self._deadline_s = self._port.loop.time() + self._port.head_timeout_s()
        self._mind_the_flow()
        while not request.complete and not self._reader.fault and not self._over:
            await self._more()

    async def _refuse_upgrade(self) -> None:
        """Say that there is no other protocol; then wait for the caller to end, reading nothing.

        Closed at once, with a body still on its way, the connection would be reset, and the caller
        might never see why.
        """
        self._write(NO_UPGRADE, None)
        if not self._transport.is_closing():
            self._transport.write_eof()
        self._deadline_s = self._port.loop.time() + self._port.head_timeout_s()
        while not self._over and not self._last:
            await self._more()

    async def _more(self) -> None:
        """Wait until something has come, or nothing more will."""
        self._wake = self._port.loop.create_future()
        await self._wake

    def _woken(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _mind_the_flow(self) -> None:
        """Let callers wait who ask faster than they are answered."""
        current = self._reader.current
        full = (
            len(self._requests) > _MOST_WAITING
            or (current is not None and current.held_bytes > _MOST_HELD_BYTES)
            or self._reader.fault
        )
        if full is self._paused or self._transport.is_closing():
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _write(self, reply: Reply, request: Request | None) -> None:
        """Write a reply; no request for one after which the connection ends."""
        body = reply.body
        framing = b"content-length: %d\r\n\r\n" % len(body)
        if request is None or self._last or (request.complete and not request.keep):
            framing = b"connection: close\r\n" + framing
        if request is not None and request.method == "HEAD":
            body = b""
        self._transport.write(head_of(reply, framing=framing) + body)

    async def _stream(self, reply: Reply, request: Request) -> bool:
        """Write a streamed reply as it comes; return whether it came to its end."""
        if reply.stream is None:
            return False
        await in_task()
        self._streaming = True
        try:
            return await send_in_chunks(
                reply, reply.stream, request, write=self._written, gone=self._gone
            )
        finally:
            self._streaming = False

    async def _written(self, data: bytes) -> None:
        self._transport.write(data)
        if self._drained is not None:
            await self._drained


@final
class _Pieces:
    """The body of a request that is still coming, as ASGI has it."""

    __slots__ = ("_connection", "_request")

    def __init__(self, connection: CallerConnection, request: Request) -> None:
        self._connection = connection
        self._request = request

    async def receive(self) -> MutableMapping[str, Any]:
        body = await self._connection.piece(self._request)
        more = bool(self._request.parts) or not self._request.complete
        return {"type": "http.request", "body": body, "more_body": more}
