"""Going on at once: requests that need no turn of the event loop take none.

A task goes on one turn of the event loop after that which it waited for, and costs a task, a future
and two entries in the loop's queue for every request. An errand starts in the call that brought
the request, and goes on in the call that brought what it waited for. As soon as it waits for
anything else than a `Wait`, the rest of it becomes a task like any other.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, final


@final
class Wait:
    """What one coroutine at a time waits for; made once, used again and again.

    Args:
        loop: where all of it runs.
    """

    __slots__ = ("_error", "_future", "_loop", "over", "then")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._error: Exception | None = None
        self._future: asyncio.Future[None] | None = None
        self._loop = loop
        self.over = True
        self.then: Callable[[], None] | None = None  # of the errand that waits

    def begin(self) -> None:
        """Begin a wait."""
        self.over = False
        self._error = None

    def end(self, error: Exception | None = None) -> None:
        """End the wait, with an error for whoever waits; again does nothing."""
        if self.over:
            return
        self.over = True
        self._error = error
        then, self.then = self.then, None
        if then is not None:
            if asyncio.current_task(self._loop) is None:
                then()
            else:  # the errand must not take somebody else's task for its own
                self._loop.call_soon(then)
        elif self._future is not None and not self._future.done():
            self._future.set_result(None)

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until it is over.

        Raises: the error that it ended with.
        """
        if not self.over:
            try:
                if asyncio.current_task(self._loop) is None:
                    yield self
                else:
                    self._future = self._loop.create_future()
                    yield from self._future
            finally:
                self.over = True  # also if whoever waited was cancelled
                self._future = self.then = None
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # it holds this frame: they would wait for the collector


@final
class Errand:
    """Runs a coroutine as far as it comes, and on whenever it can.

    Args:
        loop: where all of it runs.
    """

    __slots__ = ("_loop", "_rest", "_running")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rest: asyncio.Task[None] | None = None
        self._running: Coroutine[Any, Any, None] | None = None

    def begin(self, running: Coroutine[Any, Any, None]) -> None:
        """Begin; the one before must be over."""
        self._rest = None
        self._running = running
        self._go_on()

    def cancel(self) -> None:
        """Have whatever it waits for raise CancelledError."""
        if self._rest is not None:
            self._rest.cancel()
        elif self._running is not None:
            running, self._running = self._running, None
            self._rest = self._loop.create_task(_stopped(running))

    def _go_on(self) -> None:
        running = self._running
        if running is None:  # cancelled meanwhile
            return
        try:
            waits_for = running.send(None)
        except StopIteration:
            self._running = None
        except BaseException:
            self._running = None
            raise
        else:
            if type(waits_for) is Wait:
                waits_for.then = self._go_on
            else:
                self._running = None
                self._rest = self._loop.create_task(_rest_of(running, waits_for))


async def in_task() -> None:
    """Go on in a task, if this is none: for what needs one, such as `asyncio.timeout`."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


@coroutine
def _rest_of(running: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, None, None]:
    """Go on with a coroutine that waits for something."""
    try:
        yield waits_for
    except BaseException as error:
        try:
            waits_for = running.throw(error)
        except StopIteration:
            return
        yield from _rest_of(running, waits_for)
    else:
        yield from running


@coroutine
def _stopped(running: Coroutine[Any, Any, None]) -> Generator[Any, None, None]:
    """End a coroutine that waits for something."""
    try:
        waits_for = running.throw(asyncio.CancelledError())
    except (StopIteration, asyncio.CancelledError):
        return
    yield from _rest_of(running, waits_for)
