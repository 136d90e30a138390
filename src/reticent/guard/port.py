"""The port that callers come to."""

import asyncio
import socket
from collections.abc import Callable
from typing import final

from reticent.guard.callers import CallerConnection
from reticent.guard.pipeline import Pipeline

_BACKLOG = 2048


@final
class CallersPort:
    """Takes callers' connections, ends those that keep it waiting, and stops in good order.

    Args:
        pipeline: what requests go through.
        head_timeout_s: longest wait for the head of a request, and for the rest of a body that
            nobody wants any more.
        idle_timeout_s: longest wait for the next request.
        taking_timeout_s: longest wait for a caller to take some of what was written.

    Attributes:
        connections: those that are there.
        loop: where all of it runs.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        head_timeout_s: Callable[[], float],
        idle_timeout_s: float = 75.0,
        taking_timeout_s: float = 60.0,
    ) -> None:
        self.pipeline = pipeline
        self.head_timeout_s = head_timeout_s
        self.idle_timeout_s = idle_timeout_s
        self.taking_timeout_s = taking_timeout_s
        self.connections: set[CallerConnection] = set()
        self.loop = asyncio.get_running_loop()
        self._server: asyncio.AbstractServer | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self, sock: socket.socket) -> None:
        """Take callers in."""
        self._server = await self.loop.create_server(
            lambda: CallerConnection(self), sock=sock, backlog=_BACKLOG
        )
        self._sweeping = asyncio.create_task(self._sweep())

    async def close(self, *, drain_s: float, hurry: Callable[[], bool] = lambda: False) -> None:
        """Take nobody in any more, answer what was asked, and end the rest.

        Args:
            drain_s: how long answers under way may take.
            hurry: whether to wait no longer.
        """
        if self._server is None or self._sweeping is None:
            return
        self._server.close()
        for connection in tuple(self.connections):
            connection.stop()
        until_s = self.loop.time() + drain_s
        while self.connections and self.loop.time() < until_s and not hurry():
            await asyncio.sleep(0.01)
        for connection in tuple(self.connections):
            connection.cancel()
        self._sweeping.cancel()

    async def _sweep(self, *, every_s: float = 0.5) -> None:
        """End connections whose callers are too slow: one look at all, not a timer for each."""
        while True:
            await asyncio.sleep(every_s)
            now_s = self.loop.time()
            for connection in tuple(self.connections):
                if connection.too_old(now_s):
                    connection.end()
