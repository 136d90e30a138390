import asyncio

import pytest
from guard.unpaused import run
from guard.upstream.rude import ASK, chunked, reply, rude, until

from reticent.guard.upstream import UpstreamBad, UpstreamDown, UpstreamSlow
from reticent.guard.upstream.breaker import Breaker, BreakerSettings
from reticent.guard.upstream.fused import FusedUpstream

SETTINGS = BreakerSettings(least_failures=3, rest_s=1.0)


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def with_answers(said, check):
    """Run `check(server, fused, clock)` before a server that gives `said[0]` until it changes."""

    async def main():
        async def answer(n, reader, writer):
            if said[0] == "hang":
                await asyncio.sleep(60)
            return said[0]

        async with rude(answer, timeout_s=0.5) as (server, upstream):
            clock = Clock()
            await check(server, FusedUpstream(upstream, Breaker(SETTINGS), clock), clock)

    run(main())


async def asked(fused, how):
    if how == "send":
        return (await fused.send(ASK)).status
    async with fused.stream(ASK) as held:
        async for _ in held.chunks():
            pass
        return held.status


@pytest.mark.parametrize("how", ["send", "stream"])
@pytest.mark.parametrize("failure", [reply(status="500 Oh"), None, "hang"])
def test_a_server_that_fails_is_left_alone_and_tried_again(failure, how):
    said = [failure]

    async def check(server, fused, clock):
        for _ in range(3):
            if failure in (None, "hang"):
                with pytest.raises(UpstreamSlow if failure else UpstreamDown, match="the model"):
                    await asked(fused, how)
            else:
                assert await asked(fused, how) == 500
        before = len(server.requests)
        with pytest.raises(UpstreamDown, match="circuit") as raised:
            await asked(fused, how)
        assert raised.value.retry_after_s == 1.0
        assert len(server.requests) == before
        said[0] = chunked(b"{}")
        clock.now_s += 1.0
        assert await asked(fused, how) == 200
        assert await asked(fused, how) == 200

    with_answers(said, check)


def test_bad_replies_and_client_errors_do_not_open_it():
    said = [reply(b"{}", "Content-Encoding: br")]

    async def check(server, fused, clock):
        for _ in range(10):
            with pytest.raises(UpstreamBad):
                await fused.send(ASK)
        said[0] = reply(status="422 No")
        for _ in range(10):
            assert (await fused.send(ASK)).status == 422

    with_answers(said, check)


def test_a_cancelled_trial_gives_way_to_the_next():
    said = [reply(status="500 Oh")]

    async def check(server, fused, clock):
        for _ in range(3):
            await fused.send(ASK)
        clock.now_s += 1.0
        said[0] = "hang"
        task = asyncio.create_task(fused.send(ASK))
        await until(lambda: len(server.requests) == 4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        said[0] = reply()
        assert (await fused.send(ASK)).status == 200

    with_answers(said, check)
