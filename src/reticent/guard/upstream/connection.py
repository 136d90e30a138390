"""One connection to a model server: a request out, its reply in."""

import asyncio
from collections.abc import Callable
from typing import cast, final

from reticent.guard.turns import Wait
from reticent.guard.upstream.errors import UpstreamBad, UpstreamDown, UpstreamError, UpstreamSlow
from reticent.guard.upstream.reply import ReplyReader

_MOST_HELD_BYTES = 64 * 1024


@final
class ConnectionLost(UpstreamDown):
    """The server closed a kept connection before a byte of the reply."""


@final
class Connection(asyncio.Protocol):
    """A connection, and the one request that it carries at a time.

    Whoever took it from the pool owns it until it is given back. Bytes that come while it carries
    no request, or after the reply, end it: they could be taken for the reply to the next one.

    Args:
        reader: reads its replies.
        on_lost: told when it is gone.

    Attributes:
        idle_since_s: when it was given back last.
        lost: whether it is gone.
        reader: what reads its replies; the caller's to look at while it owns the connection.
        reusable: whether another request may go over it: all said, all heard, nothing over.
        used: how many whole replies it has carried.
    """

    __slots__ = (
        "_deadline_s",
        "_error",
        "_loop",
        "_on_lost",
        "_paused",
        "_timer",
        "_timer_s",
        "_transport",
        "_wait",
        "_whole",
        "carrying",
        "idle_since_s",
        "lost",
        "reader",
        "reusable",
        "used",
    )

    def __init__(self, reader: ReplyReader, on_lost: "Callable[[Connection], None]") -> None:
        self._error: UpstreamError | None = None
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0
        self._deadline_s = 0.0
        self._transport: asyncio.Transport | None = None
        self._wait = Wait(self._loop)
        self._whole = True
        self.carrying = False
        self.idle_since_s = 0.0
        self.lost = False
        self.reader = reader
        self.reusable = False
        self.used = 0

    def ask(self, request: bytes, deadline_s: float, *, whole: bool) -> Wait:
        """Send a request; the wait is over when the reply is there.

        Args:
            request: all its bytes.
            deadline_s: when to give up, on the event loop's clock.
            whole: wait for all of the reply, or for its head alone.

        Returns: a wait that may end with an `UpstreamError`; after an error, or when it is
            cancelled, the owner must `abort`.
        """
        self.reader.start()
        self._whole = whole
        self.carrying = True
        self.reusable = False
        wait = self._until(deadline_s)
        transport = self._transport
        if transport is None or self.lost:
            self._fail(self._gone())
        else:
            transport.write(request)
        return wait

    def more(self, deadline_s: float) -> Wait:
        """Wait until the reader holds a piece of the body, or the reply is complete."""
        wait = self._until(deadline_s)
        if self.reader.complete or self.reader.held_bytes:
            self._wait.end()
        elif not self.carrying:
            self._wait.end(self._error or self._gone())
            self._error = None
        elif self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return wait

    def abort(self) -> None:
        """End the connection at once; the server sees that nobody waits any more."""
        self.carrying = False
        self.reusable = False
        self._wait.end()
        if self._transport is not None and not self.lost:
            self._transport.abort()

    def shut(self) -> None:
        """End the connection because the guard stops; whoever waits is told."""
        self._fail(UpstreamDown("the guard is stopping."))

    def is_closing(self) -> bool:
        """Return whether it ends, though nobody here has been told yet."""
        return self._transport is None or self._transport.is_closing()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Read on."""
        reader = self.reader
        if not self.carrying:
            self.abort()
            return
        try:
            reader.feed(data)
        except UpstreamBad as error:
            self._fail(error)
            return
        if reader.complete:
            self.carrying = False
            self.used += 1
            # A server that answers before it has all of the request is not fit for the next one.
            transport = self._transport
            if reader.reusable and transport is not None:
                self.reusable = not transport.get_write_buffer_size()
            self._wait.end()  # last: whoever waits goes on at once, maybe with this connection
        elif not self._whole and reader.headed:
            if reader.held_bytes > _MOST_HELD_BYTES and not self._paused:
                self._paused = True
                if self._transport is not None:
                    self._transport.pause_reading()
            self._wait.end()  # last: whoever waits goes on at once

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it is gone."""
        self.lost = True
        self.reusable = False
        self.reader.end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.carrying:
            self._fail(self._gone())
        self._on_lost(self)

    def _gone(self) -> UpstreamError:
        if not self.reader.begun:
            if self.used:
                return ConnectionLost("the model server closed a kept connection.")
            return UpstreamDown("the model server closed the connection without a reply.")
        return UpstreamDown("the model server closed the connection within a reply.")

    def _until(self, deadline_s: float) -> Wait:
        wait = self._wait
        wait.begin()
        self._deadline_s = deadline_s
        # One timer for many requests, which finds out late that it was not needed: deadlines
        # mostly grow, and making and cancelling one for each costs more than all else here.
        if self._timer is None or deadline_s < self._timer_s:
            self._set_timer(deadline_s)
        return wait

    def _set_timer(self, deadline_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = deadline_s
        self._timer = self._loop.call_at(deadline_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._wait.over:
            return
        if self._loop.time() >= self._deadline_s:
            self._fail(UpstreamSlow("the model server did not answer in time."))
        else:
            self._set_timer(self._deadline_s)

    def _fail(self, error: UpstreamError) -> None:
        # Kept for whoever waits next only if nobody waits now: what is raised holds its frames,
        # and these the connection, so that both would wait for the collector.
        if self._wait.over:
            self._error = error
        self._wait.end(error)
        self.abort()
