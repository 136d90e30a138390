"""Kept connections, and the queue for them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import final

from reticent.guard.turns import in_task
from reticent.guard.upstream.connection import Connection
from reticent.guard.upstream.errors import UpstreamBusy, UpstreamDown


@final
class ConnectionPool:
    """At most so many connections; who finds none free waits, first come, first served.

    The connection used last is taken first, so the others can grow old and go. A place in the
    pool belongs to whoever makes a connection or holds one, and is handed on, never left free,
    while somebody waits: nobody overtakes.

    Args:
        connect: deadline on the loop's clock -> a new connection.
        most: most connections at once, those being made included.
        idle_s: longest that one is kept unused.
    """

    __slots__ = ("_connect", "_idle", "_idle_s", "_most", "_owned", "_places", "_sweep", "_waiting")

    def __init__(
        self, connect: Callable[[float], Awaitable[Connection]], *, most: int, idle_s: float
    ) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._idle_s = idle_s
        self._most = most
        self._owned: set[Connection] = set()
        self._places = 0  # taken
        self._sweep: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    def take(self, now_s: float) -> Connection | None:
        """Return a kept connection, or None if there is none."""
        while self._idle:
            connection = self._idle.pop()
            young = now_s - connection.idle_since_s < self._idle_s
            if young and connection.reusable and not connection.is_closing():
                self._owned.add(connection)
                return connection
            connection.abort()
            self._places -= 1
        return None

    async def new(self, deadline_s: float) -> Connection:
        """Return a connection, kept or new, as soon as there is a place.

        Raises: UpstreamBusy if none comes free in time, UpstreamDown, UpstreamSlow.
        """
        if self._places < self._most:
            self._places += 1
        else:
            kept = await self._queue(deadline_s)
            if kept is not None:
                return kept
        return await self._made(deadline_s)

    async def fresh(self, dead: Connection, deadline_s: float) -> Connection:
        """Return a new connection in the place of one that was lost.

        Raises: UpstreamDown, UpstreamSlow.
        """
        self._owned.discard(dead)
        dead.abort()
        return await self._made(deadline_s)

    def give_back(self, connection: Connection, now_s: float) -> None:
        """Keep a connection for the next, or end it if it is not fit for that."""
        self._owned.discard(connection)
        if not connection.reusable or (self._waiting and connection.is_closing()):
            connection.abort()
            self._hand_on_place()
            return
        connection.idle_since_s = now_s
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._owned.add(connection)
                waiter.set_result(connection)
                return
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._idle_s, self._let_old_go)

    def forget(self, connection: Connection) -> None:
        """Note that a connection is gone; its owner, if it has one, will give it back."""
        if connection in self._idle:
            self._idle.remove(connection)
            self._places -= 1

    def close(self) -> None:
        """End all connections; requests under way and in the queue fail."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        idle, self._idle = self._idle, []
        self._places -= len(idle)
        for connection in idle:
            connection.abort()
        for connection in tuple(self._owned):
            connection.shut()
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(UpstreamDown("the guard is stopping."))

    async def _made(self, deadline_s: float) -> Connection:
        try:
            await in_task()
            connection = await self._connect(deadline_s)
        except BaseException:
            self._hand_on_place()
            raise
        self._owned.add(connection)
        return connection

    async def _queue(self, deadline_s: float) -> Connection | None:
        """Return a kept connection, or None with a place to make one in."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_at(deadline_s, _too_late, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # Cancelled after the place was handed over: it must not be lost.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                connection = waiter.result()
                if connection is None:
                    self._hand_on_place()
                else:
                    self.give_back(connection, loop.time())
            raise
        finally:
            timer.cancel()

    def _hand_on_place(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._places -= 1

    def _let_old_go(self) -> None:
        loop = asyncio.get_running_loop()
        oldest_s = loop.time() - self._idle_s
        old = [connection for connection in self._idle if connection.idle_since_s <= oldest_s]
        self._idle = [connection for connection in self._idle if connection.idle_since_s > oldest_s]
        self._places -= len(old)
        for connection in old:
            connection.abort()
        self._sweep = None
        if self._idle:
            self._sweep = loop.call_later(self._idle_s, self._let_old_go)


def _too_late(waiter: "asyncio.Future[Connection | None]") -> None:
    if not waiter.done():
        waiter.set_exception(
            UpstreamBusy(
                "no connection to the model server became free in time.",
                way_out="Raise connections, or lower concurrent.",
            )
        )
