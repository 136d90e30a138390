"""What tests of the guard lean on: a pause ends no wait, and idle time does."""

import asyncio
import time

import pytest
from guard.unpaused import run
from guard.upstream.rude import ASK, reply, rude

from reticent.guard.upstream import UpstreamSlow

LATE_S = 0.1


@pytest.mark.parametrize("pause_s", [0.0, 3 * LATE_S])
def test_only_a_server_that_says_nothing_is_late(pause_s):
    async def main():
        async def answer(n, reader, writer):
            time.sleep(pause_s)  # as the machine does: nothing goes on
            await asyncio.sleep(0)
            if n == 2:
                await asyncio.sleep(60)
            return reply()

        async with rude(answer, timeout_s=LATE_S) as (_, upstream):
            assert (await upstream.send(ASK)).status == 200
            with pytest.raises(UpstreamSlow):
                await upstream.send(ASK)

    run(main())
