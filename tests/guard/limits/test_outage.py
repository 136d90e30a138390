"""Without the store: nothing for sensitive models, a replica's part for others, all booked."""

import asyncio
import math
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from guard.served_store import ServedStore
from hypothesis import given, strategies as st

from reticent.guard.limits.gcra import bucket_us
from reticent.guard.limits.marks import Mark
from reticent.guard.limits.outage import OUTAGE_MINUTES, local_scope
from reticent.guard.limits.valkey import SharedLimits
from reticent.guard.types import Scope

SLOW = 1e-3  # rows a minute: nothing comes back within a test
PATIENCE_S = 30.0
LATE_S = 0.25  # for tests in which the store hangs
NEVER_LATE_S = 2 * PATIENCE_S  # for others: there a pause of the machine is no outage


@pytest.fixture
def lasting(tmp_path):
    """A store that keeps what it was told through kill -9."""
    with ServedStore(tmp_path / "lasting", appendonly="yes", appendfsync="always") as served:
        yield served


@asynccontextmanager
async def shared(store, tmp_path, name="one", replicas=4, **how):
    usual = {
        "replicas": replicas,
        "clock": time.time,
        "state": tmp_path / name,
        "name": name,
        "timeout_s": NEVER_LATE_S,
        "join_timeout_s": NEVER_LATE_S,
    }
    limits = SharedLimits(store.url, **usual | how)
    try:
        yield limits
    finally:
        await limits.close()


async def count(limits, scope, *, sensitive=False, most=1000):
    """Return how many rows go through one by one, and the refusal that ended it."""
    for rows in range(most):
        admission = await limits.admit([scope], 1, sensitive=sensitive)
        if not admission.granted:
            return rows, admission
    return most, None


async def until_up(limits):
    end = time.monotonic() + PATIENCE_S
    while limits.store != "up":
        assert time.monotonic() < end, limits.store
        await asyncio.sleep(0.02)


SCOPES = st.builds(
    Scope,
    key=st.just("a"),
    rows_per_minute=st.none() | st.floats(0.01, 1000),
    burst_rows=st.integers(1, 100),
    concurrent=st.none() | st.integers(1, 20),
    lifetime_rows=st.none() | st.integers(1, 1000),
    rolling=st.sampled_from([(), ((50, 3600.0),)]),
)


@given(
    scope=SCOPES,
    replicas=st.integers(1, 8),
    seen_s_ago=st.floats(0, 1e5),
    spent=st.integers(0, 60),
    others=st.floats(0, 1),
)
def test_all_parts_together_fit_what_is_left(scope, replicas, seen_s_ago, spent, others):
    """Whatever the others booked since, as far as the rate let them."""
    now_us = 1_800_000_000_000_000
    seen_us = now_us - int(seen_s_ago * 1e6)
    mark = Mark(seen_us, spent, {bucket_us(3600.0): spent})
    part = local_scope(scope, replicas, mark, now_us)
    if part is None:
        return
    rate = scope.rows_per_minute
    if rate is not None:
        assert part.rows_per_minute * replicas <= rate * (1 + 1e-12)
        assert part.burst_rows * replicas <= scope.burst_rows
    if scope.concurrent is not None:
        assert part.concurrent * replicas <= scope.concurrent
    between = 0
    if replicas > 1 and rate is not None:
        between = math.floor(others * (scope.burst_rows + rate * (now_us - seen_us) / 6e7))
    for allowance in [scope.lifetime_rows, *(rows for rows, _ in scope.rolling)]:
        if allowance is not None:
            assert part.lifetime_rows * replicas + spent + between <= allowance
    if rate is not None:
        whole = scope.burst_rows + rate * OUTAGE_MINUTES
        assert part.lifetime_rows * replicas <= whole


@pytest.mark.parametrize(
    "scope",
    [
        Scope(key="a", rows_per_minute=6, burst_rows=3),
        Scope(key="a", rows_per_minute=6, burst_rows=12, concurrent=3),
        Scope(key="a", rows_per_minute=6, burst_rows=12, lifetime_rows=15),
        Scope(key="a", lifetime_rows=10**6),
    ],
)
def test_a_part_below_one_row_is_none(scope):
    assert local_scope(scope, 4, Mark(0, 0, {}), 0) is None


def test_of_a_budget_never_seen_nothing_is_known_to_be_left():
    scope = Scope(key="a", rows_per_minute=6, burst_rows=12, lifetime_rows=10**6)
    assert local_scope(scope, 4, None, 0) is None
    assert local_scope(scope, 1, None, 0).lifetime_rows == 12 + 6 * OUTAGE_MINUTES


def test_sensitive_is_shut_and_others_get_their_part(store, tmp_path):
    scope = Scope(key="a", rows_per_minute=0.1, burst_rows=43)

    async def story():
        async with shared(store, tmp_path) as limits:
            assert (await limits.admit([scope], 1, sensitive=True)).granted
            store.kill()
            rows, refused = await count(limits, scope, sensitive=True)
            assert (rows, refused.reason) == (0, "store away")
            assert refused.retry_after_s < 5
            rows, refused = await count(limits, scope)
            assert (rows, refused.reason) == (43 // 4, "rate")
            assert limits.store.startswith("away: ")
            batch = await limits.admit([replace(scope, key="b")], 11, sensitive=False)
            assert (batch.reason, batch.retry_after_s < 5) == ("store away", True)
            assert (await limits.admit([replace(scope, key="b")], 10, sensitive=False)).granted

    asyncio.run(story())


def test_away_from_the_start(tmp_path):
    absent = ServedStore(tmp_path / "absent")

    async def story():
        async with shared(absent, tmp_path) as limits:
            scope = Scope(key="a", rows_per_minute=SLOW, burst_rows=8)
            assert (await count(limits, scope, sensitive=True))[0] == 0
            assert (await count(limits, scope))[0] == 2
            absent.start()
            try:
                await until_up(limits)
                assert (await count(limits, scope, sensitive=True))[0] == 6
            finally:
                absent.kill()

    asyncio.run(story())


def test_slots_of_an_outage(store, tmp_path):
    scope = Scope(key="a", concurrent=8)

    async def story():
        async with shared(store, tmp_path) as limits:
            assert (await limits.admit([scope], 1, sensitive=True)).granted
            store.kill()
            held = [await limits.admit([scope], 1, sensitive=False) for _ in range(3)]
            assert [one.granted for one in held] == [True, True, False]
            assert held[-1].reason == "concurrent"
            limits.release(held[0])
            assert (await limits.admit([scope], 1, sensitive=False)).granted

    asyncio.run(story())


def test_a_store_that_hangs_holds_nobody_up(store, tmp_path):
    scope = Scope(key="a", rows_per_minute=SLOW, burst_rows=40)

    async def story():
        async with shared(store, tmp_path, timeout_s=LATE_S) as limits:
            while not (await limits.admit([scope], 1, sensitive=True)).granted:
                await until_up(limits)  # the machine paused: that is late too
            store.pause()
            try:
                many = [limits.admit([scope], 1, sensitive=False) for _ in range(64)]
                answers = await asyncio.wait_for(asyncio.gather(*many), PATIENCE_S)
                assert sum(one.granted for one in answers) == 10
            finally:
                store.resume()
            await until_up(limits)
            rows, _ = await count(limits, scope, sensitive=True)
            assert rows <= 40 - 1 - 10

    asyncio.run(story())


def test_what_was_granted_alone_is_booked_and_the_budget_holds(lasting, tmp_path):
    """Two of two replicas spend through the store, without it, and through it again."""
    scope = Scope(
        key="a", rows_per_minute=SLOW, burst_rows=30, lifetime_rows=100, rolling=((95, 86_400.0),)
    )

    async def story():
        async with (
            shared(lasting, tmp_path, "one", replicas=2) as one,
            shared(lasting, tmp_path, "two", replicas=2) as two,
        ):
            assert (await count(one, scope, most=5))[0] == 5
            assert (await count(two, scope, most=5))[0] == 5
            lasting.kill()
            # What is left: 95 - 5 (seen by one) - 31 (what two may have booked), halved; the part
            # of the burst is less.
            assert (await count(one, scope))[0] == 15
            assert (await count(two, scope))[0] == 15
            lasting.start()
            await until_up(one)
            await until_up(two)
            spent = await one.spent("a")
            assert (spent["lifetime_rows"], spent["rolling_rows_0"]) == (40, 40)
            assert spent["rate_rows"] == pytest.approx(40, abs=0.01)
            wider = replace(scope, rows_per_minute=None)
            rows, refused = await count(one, wider)
            assert (rows, refused.reason) == (55, "rolling")

    asyncio.run(story())


def test_of_a_nearly_spent_budget_an_outage_grants_what_is_left_at_most(lasting, tmp_path):
    scope = Scope(key="a", rows_per_minute=SLOW, burst_rows=20, lifetime_rows=50)

    async def story():
        async with (
            shared(lasting, tmp_path, "one", replicas=2) as one,
            shared(lasting, tmp_path, "two", replicas=2) as two,
        ):
            assert (await count(one, scope, most=17))[0] == 17
            assert (await count(two, scope, most=3))[0] == 3
            lasting.kill()
            assert (await count(one, scope))[0] == (50 - 17 - 21) // 2
            assert (await count(two, scope))[0] == (50 - 20 - 21) // 2

    asyncio.run(story())


def test_a_replica_that_crashes_meanwhile_books_no_less_than_it_granted(lasting, tmp_path):
    scope = Scope(key="a", rows_per_minute=SLOW, burst_rows=40, lifetime_rows=1000)

    async def story():
        async with shared(lasting, tmp_path) as limits:
            assert (await count(limits, scope, most=4))[0] == 4
            lasting.kill()
            assert (await count(limits, scope))[0] == 10
            for task in limits._tasks:  # gone without a word: only files remain
                task.cancel()
            await limits._local._limits._shelf.close()
            await limits._marks._shelf.close()
            limits._local = limits._marks = Gone()
        lasting.start()
        async with shared(lasting, tmp_path) as limits:
            assert (await limits.admit([Scope(key="b")], 1, sensitive=True)).granted
            spent = await limits.spent("a")
            assert 14 <= spent["lifetime_rows"] <= 4 + 10 + 8

    asyncio.run(story())


@pytest.mark.parametrize("junk", [b"+OK\r\n", b"!!!\r\n", b"$5\r\nhello\r\n", b"", b"*1\r\n:1\r\n"])
def test_whatever_answers_in_the_store_s_place_holds_nobody_up(tmp_path, junk):
    async def answer(reader, writer):
        while await reader.read(65_536):
            writer.write(junk)
        writer.close()

    async def story():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        scope = Scope(key="a", rows_per_minute=0.1, burst_rows=40)
        async with server, shared(ServedAt(port), tmp_path, timeout_s=LATE_S) as limits:
            many = [limits.admit([scope], 1, sensitive=i % 2 == 0) for i in range(40)]
            answers = await asyncio.wait_for(asyncio.gather(*many), PATIENCE_S)
            assert not any(one.granted for one in answers[::2])
            assert sum(one.granted for one in answers[1::2]) == 10
            assert limits.store.startswith("away: ")

    asyncio.run(story())


class ServedAt:
    def __init__(self, port):
        self.url = f"valkey://127.0.0.1:{port}"


class Gone:
    async def close(self):
        pass
