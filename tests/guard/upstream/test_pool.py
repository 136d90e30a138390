"""Places in the pool when things happen at the same moment; the rest is in test_client.py."""

import asyncio

import pytest
from guard.unpaused import run
from guard.upstream.rude import ASK, always, reply, rude

NEVER_S = 1e12


def test_the_place_of_a_connection_that_grew_old_is_free():
    async def main():
        async with rude(always(reply()), connections=1, timeout_s=0.5) as (server, upstream):
            await upstream.send(ASK)
            assert upstream._pool.take(NEVER_S) is None
            await upstream.send(ASK)
            assert server.connections == 2

    run(main())


@pytest.mark.parametrize("fit", [True, False])
def test_a_place_handed_to_somebody_who_is_cancelled_at_that_moment_goes_on(fit):
    async def main():
        async with rude(always(reply()), connections=1, timeout_s=0.5) as (server, upstream):
            await upstream.send(ASK)
            pool, loop = upstream._pool, asyncio.get_running_loop()
            held = pool.take(loop.time())
            waiting = asyncio.create_task(pool.new(NEVER_S))
            await asyncio.sleep(0)
            if not fit:
                held.abort()
            pool.give_back(held, loop.time())
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await upstream.send(ASK)
            assert server.connections == (1 if fit else 2)

    run(main())


def test_the_connection_used_last_is_taken_first():
    async def main():
        async with rude(always(reply()), connections=3) as (_, upstream):
            await asyncio.gather(*(upstream.send(ASK) for _ in range(3)))
            pool, loop = upstream._pool, asyncio.get_running_loop()
            first, second = pool.take(loop.time()), pool.take(loop.time())
            pool.give_back(first, loop.time())
            pool.give_back(second, loop.time())
            assert pool.take(loop.time()) is second
            pool.give_back(second, loop.time())

    run(main())
