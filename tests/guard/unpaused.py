"""An event loop whose time stands still while the machine does.

A timer of a test's own loop then goes off because nothing happened for so long, never because
nothing could: whatever a pause held up comes first.
"""

import asyncio
import selectors
import time

MOST_UNSEEN_S = 0.01


class _Clock:
    """Goes on by what a step was expected to take, and hardly more, however long it took."""

    def __init__(self):
        self._real_s = time.monotonic()
        self.now_s = self._real_s

    def step(self, expected_s=0.0):
        real_s = time.monotonic()
        self.now_s += min(real_s - self._real_s, expected_s + MOST_UNSEEN_S)
        self._real_s = real_s


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def select(self, timeout=None):
        self._clock.step()
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        ready = super().select(timeout)
        self._clock.step(timeout or 0.0)
        return ready


class UnpausedLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._unpaused = _Clock()
        super().__init__(_Selector(self._unpaused))

    def time(self):
        self._unpaused.step()
        return self._unpaused.now_s


def run(coroutine, patience_s=20.0):
    """Run a coroutine as `asyncio.run` does, for so long at most."""

    async def within():
        return await asyncio.wait_for(coroutine, patience_s)

    with asyncio.Runner(loop_factory=UnpausedLoop) as runner:
        return runner.run(within())
