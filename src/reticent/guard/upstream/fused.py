"""A model server behind a circuit breaker."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import final

from reticent.guard.upstream.base import StreamedReply, Upstream
from reticent.guard.upstream.breaker import Breaker
from reticent.guard.upstream.errors import UpstreamDown, UpstreamSlow
from reticent.protocols.base import WireRequest, WireResponse

_FAILURES = (UpstreamDown, UpstreamSlow)


@final
class FusedUpstream:
    """Asks a model server as long as it answers, and leaves it alone for a while when it fails.

    Failures are lost connections, missed deadlines and statuses of 5xx. A malformed reply, a full
    queue or a caller who went away say nothing about the server's health.

    Args:
        upstream: the model server.
        breaker: its circuit; nobody else's.
        clock: seconds of a clock that only goes forward.
    """

    __slots__ = ("_breaker", "_clock", "_upstream")

    def __init__(self, upstream: Upstream, breaker: Breaker, clock: Callable[[], float]) -> None:
        self._breaker = breaker
        self._clock = clock
        self._upstream = upstream

    async def send(self, request: WireRequest) -> WireResponse:
        """Return the whole reply to a request.

        Raises: UpstreamDown at once while the circuit is open, else as the model server does.
        """
        breaker = self._breaker
        ticket = breaker.epoch if breaker.state == "closed" else self._admit()
        try:
            response = await self._upstream.send(request)
        except BaseException as error:
            self._note(ticket, error)
            raise
        if response.status < 500:
            breaker.succeeded(ticket, self._clock())
        else:
            breaker.failed(ticket, self._clock())
        return response

    @asynccontextmanager
    async def stream(self, request: WireRequest) -> AsyncIterator[StreamedReply]:
        """Hold the reply to a request while its body comes.

        Raises: UpstreamDown at once while the circuit is open, else as the model server does.
        """
        ticket = self._admit()
        try:
            async with self._upstream.stream(request) as reply:
                yield reply
        except BaseException as error:
            self._note(ticket, error)
            raise
        self._answered(ticket, reply.status)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._upstream.close()

    def _admit(self) -> int:
        now_s = self._clock()
        ticket = self._breaker.admit(now_s)
        if ticket is None:
            raise UpstreamDown(
                "the circuit is open: the model server kept failing.",
                way_out="It is tried again by itself; look at the model server.",
                retry_after_s=self._breaker.retry_after_s(now_s),
            )
        return ticket

    def _note(self, ticket: int, error: BaseException) -> None:
        now_s = self._clock()
        if isinstance(error, _FAILURES):
            self._breaker.failed(ticket, now_s)
        else:
            self._breaker.abandoned(ticket, now_s)

    def _answered(self, ticket: int, status: int) -> None:
        if status >= 500:
            self._breaker.failed(ticket, self._clock())
        else:
            self._breaker.succeeded(ticket, self._clock())
