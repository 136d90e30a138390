"""Shared limits on a real Valkey: the same sums as in memory, exact whoever races."""

import asyncio
import itertools
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import valkey
from guard.limits import racer
from guard.served_store import ServedStore
from hypothesis import HealthCheck, given, settings, strategies as st

from reticent.core import BadInput
from reticent.guard.limits.memory import MemoryLimits
from reticent.guard.limits.valkey import SharedLimits
from reticent.guard.limits.wire import ADMIT
from reticent.guard.types import Limits, Scope

FOREVER = float("inf")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServedStore(tmp_path_factory.mktemp("store")) as served:
        yield served


@pytest.fixture
def client(server):
    with valkey.Valkey(port=server.port) as one:
        one.flushall()
        yield one


@asynccontextmanager
async def shared(url, **how):
    usual = {
        "replicas": 1,
        "clock": time.time,
        "state": None,
        "name": "one",
        "timeout_s": racer.PATIENCE_S,  # a pause of the machine is no outage
        "join_timeout_s": racer.PATIENCE_S,
    }
    limits = SharedLimits(url, **usual | how)
    try:
        yield limits
    finally:
        await limits.close()


SCOPES = st.builds(
    Scope,
    key=st.just(""),
    rows_per_minute=st.sampled_from([None, 6.0, 90.0, 0.7, 3600.0]),
    burst_rows=st.integers(3, 12),
    concurrent=st.sampled_from([None, 1, 3]),
    lifetime_rows=st.sampled_from([None, None, 5, 40]),
    rolling=st.sampled_from([((8, 60.0), (15, 320.0)), (), ((8, 60.0),)]),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 10**6, 7 * 10**7]) | st.integers(0, 40_000_000),  # us later
        st.integers(1, 5),  # rows, or which admission is released
        st.sampled_from(["admit", "admit", "admit", "release"]),
        st.sets(st.integers(0, 2), min_size=1),  # scopes
    ),
    max_size=25,
)
NUMBERS = itertools.count()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(scopes=st.lists(SCOPES, min_size=3, max_size=3), steps=STEPS)
def test_the_script_decides_as_the_memory_does(server, scopes, steps):
    """The script reads the time from a field that the test sets; all else is as in use."""
    prefix = f"{{same{next(NUMBERS)}}}:"
    script = ADMIT.replace("redis.call('TIME')", "redis.call('HMGET', KEYS[1], 's', 'us')")
    assert script != ADMIT
    scopes = [
        Scope(
            key=str(i),
            rows_per_minute=s.rows_per_minute,
            burst_rows=s.burst_rows,
            concurrent=s.concurrent,
            lifetime_rows=s.lifetime_rows,
            rolling=s.rolling,
        )
        for i, s in enumerate(scopes)
    ]
    now_us = 1_800_000_000_000_000

    async def story(client):
        nonlocal now_us
        memory = MemoryLimits(None, clock=lambda: now_us / 1e6)
        async with shared(server.url, prefix=prefix, script=script, slot_lease_s=1e6) as store:
            open_ones = []
            for later_us, number, what, chosen in steps:
                now_us += later_us
                client.hset(
                    f"{prefix}epoch",
                    mapping={"s": now_us // 1_000_000, "us": now_us % 1_000_000},
                )
                if what == "release":
                    if open_ones:
                        one, other = open_ones.pop(number % len(open_ones))
                        store.release(one)
                        memory.release(other)
                    continue
                asked = [scopes[i] for i in sorted(chosen)]
                one = await store.admit(asked, number, sensitive=True)
                other = await memory.admit(asked, number, sensitive=True)
                assert (one.granted, one.reason, one.scope) == (
                    other.granted,
                    other.reason,
                    other.scope,
                )
                assert one.retry_after_s == pytest.approx(other.retry_after_s, abs=2e-6)
                if one.granted:
                    open_ones.append((one, other))
            for scope in scopes:
                ours = await memory.spent(scope.key)
                theirs = await store.spent(scope.key)
                assert theirs.get("lifetime_rows", 0) == ours.get("lifetime_rows", 0)
        await memory.close()

    with valkey.Valkey(port=server.port) as client:
        asyncio.run(story(client))


BATCHES = st.lists(
    st.tuples(
        st.sampled_from([0, 10**6, 7 * 10**7]) | st.integers(0, 40_000_000),  # us later
        st.lists(  # rows and scopes of each request of a batch
            st.tuples(st.integers(1, 4), st.sets(st.integers(0, 2), min_size=1)),
            min_size=1,
            max_size=6,
        ),
        st.integers(0, 4),  # how many admissions are released with it
    ),
    max_size=8,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(scopes=st.lists(SCOPES, min_size=3, max_size=3), batches=BATCHES)
def test_a_batch_is_decided_as_its_requests_are_one_after_the_other(server, scopes, batches):
    prefix = f"{{batch{next(NUMBERS)}}}:"
    script = ADMIT.replace("redis.call('TIME')", "redis.call('HMGET', KEYS[1], 's', 'us')")
    scopes = [replace(scope, key=str(i)) for i, scope in enumerate(scopes)]
    now_us = 1_800_000_000_000_000

    async def story(client):
        nonlocal now_us
        memory = MemoryLimits(None, clock=lambda: now_us / 1e6)
        async with shared(server.url, prefix=prefix, script=script, slot_lease_s=1e6) as store:
            open_ones = []
            assert (await store.admit([Scope(key="first")], 1, sensitive=True)).granted
            for later_us, requests, released in batches:
                now_us += later_us
                client.hset(
                    f"{prefix}epoch",
                    mapping={"s": now_us // 1_000_000, "us": now_us % 1_000_000},
                )
                freed, open_ones = open_ones[:released], open_ones[released:]
                for one, other in freed:
                    store.release(one)
                    memory.release(other)
                await asyncio.sleep(0)  # what is given back goes first
                asked = [([scopes[i] for i in sorted(chosen)], rows) for rows, chosen in requests]
                calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]
                ones = await asyncio.gather(*(store.admit(*a, sensitive=True) for a in asked))
                calls = client.info("commandstats")["cmdstat_evalsha"]["calls"] - calls
                assert calls <= 2 if freed else calls == 1
                for one, a in zip(ones, asked, strict=True):
                    other = await memory.admit(*a, sensitive=True)
                    assert (one.granted, one.reason, one.scope) == (
                        other.granted,
                        other.reason,
                        other.scope,
                    )
                    assert one.retry_after_s == pytest.approx(other.retry_after_s, abs=2e-6)
                    if one.granted:
                        open_ones.append((one, other))
            for scope in scopes:
                ours = await memory.spent(scope.key)
                theirs = await store.spent(scope.key)
                assert theirs.get("lifetime_rows", 0) == ours.get("lifetime_rows", 0)
        await memory.close()

    with valkey.Valkey(port=server.port) as client:
        client.hset(f"{prefix}epoch", mapping={"s": now_us // 1_000_000, "us": 0})
        asyncio.run(story(client))


def test_it_is_a_limits(server):
    async def story():
        async with shared(server.url, prefix="{typed}:") as limits:
            typed: Limits = limits
            assert limits.store == "new"
            with pytest.raises(ValueError, match="1 or more"):
                await typed.admit([Scope(key="a")], 0, sensitive=True)
            assert (await typed.admit([Scope(key="a")], 1, sensitive=True)).granted
            assert limits.store == "up"
            assert await typed.spent("a") == {}

    asyncio.run(story())


def test_what_is_spent_can_be_read(client, server):
    scope = Scope(
        key="a",
        rows_per_minute=0.001,
        burst_rows=9,
        concurrent=2,
        lifetime_rows=9,
        rolling=((9, 60.0),),
    )

    async def story():
        async with shared(server.url) as limits:
            await limits.admit([scope], 4, sensitive=True)
            spent = await limits.spent("a")
            assert spent.pop("rate_rows") == pytest.approx(4, abs=0.01)
            assert spent == {"lifetime_rows": 4, "concurrent": 1, "rolling_rows_0": 4}

    asyncio.run(story())


def race(server, tmp_path, how="", tries=40):
    """Return how many rows 4 processes with 16 clients each were granted together."""
    command = [sys.executable, Path(racer.__file__), server.url]
    racers = [
        subprocess.Popen(
            [*command, tmp_path / f"r{i}", "4", "16", str(tries), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(4)
    ]
    try:
        for one in racers:
            assert one.stdout.readline() == "ready\n"
        for one in racers:
            one.stdin.write("go\n")
            one.stdin.flush()
        return sum(int(one.communicate(timeout=60)[0]) for one in racers)
    finally:
        for one in racers:
            one.kill()
            one.communicate()


def test_four_processes_racing_get_exactly_the_allowance(client, server, tmp_path):
    assert race(server, tmp_path) == racer.BURST_ROWS
    assert client.hget("{reticent}:identity", "n") == str(racer.BURST_ROWS).encode()


def test_the_race_catches_who_checks_and_then_sets(client, server, tmp_path):
    assert race(server, tmp_path, "check-then-set") > racer.BURST_ROWS


def test_many_admissions_share_few_round_trips(client, server):
    scopes = [Scope(key="a", lifetime_rows=10_000), Scope(key="b", concurrent=100)]

    async def story():
        async with shared(server.url) as limits:
            await limits.admit(scopes, 1, sensitive=True)
            client.config_resetstat()

            async def ask():
                for _ in range(10):
                    admission = await limits.admit(scopes, 1, sensitive=True)
                    assert admission.granted
                    limits.release(admission)

            await asyncio.gather(*[ask() for _ in range(64)])

    asyncio.run(story())
    calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert 10 <= calls <= 640 / 16
    assert client.hget("{reticent}:a", "n") == b"641"


def test_a_request_whose_caller_went_away_gives_its_slot_back(client, server):
    slots = [Scope(key="a", concurrent=1)]

    async def story():
        async with shared(server.url) as limits:
            await limits.admit([Scope(key="b")], 1, sensitive=True)
            gone = asyncio.ensure_future(limits.admit(slots, 1, sensitive=True))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            gone.cancel()
            await until(lambda: free(limits))

    async def free(limits):
        return (await limits.spent("a")).get("concurrent", 0) == 0

    asyncio.run(story())


async def until(done, patience_s=racer.PATIENCE_S):
    """Wait until an async condition holds.

    Raises: AssertionError if it does not in time.
    """
    end = time.monotonic() + patience_s
    while not await done():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.02)


HELD = "{reticent}:slots:slots"


def leases(client):
    """Return when each slot that is held comes back unless renewed, in the store's time."""
    return dict(client.zrange(HELD, 0, -1, withscores=True))


def test_slots_of_a_killed_replica_come_back_and_of_a_living_one_do_not(client, server, tmp_path):
    command = [sys.executable, Path(racer.__file__), server.url, tmp_path / "r", "2", "2", "1"]
    slots = [Scope(key="slots", concurrent=racer.SLOTS)]
    with subprocess.Popen([*command, "hold"], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "2\n"
            others = leases(client)

            async def story():
                async with shared(server.url, clock=racer.hurried) as limits:
                    assert await granted(limits)  # the third; this replica lives and keeps it
                    await renewed(*leases(client))
                    refused = await limits.admit(slots, 1, sensitive=True)
                    assert refused.reason == "concurrent"
                    holder.kill()
                    holder.wait()
                    [own] = leases(client).keys() - others.keys()
                    held = leases(client)
                    await renewed(own)
                    assert {ticket: leases(client)[ticket] for ticket in others} == {
                        ticket: held[ticket] for ticket in others
                    }
                    # As it is a lease after the last renewal by whoever was killed.
                    client.zadd(HELD, dict.fromkeys(others, 1))
                    assert await granted(limits)
                    assert await granted(limits)
                    refused = await limits.admit(slots, 1, sensitive=True)
                    assert refused.reason == "concurrent"

            async def granted(limits):
                return (await limits.admit(slots, 1, sensitive=True)).granted

            async def renewed(*tickets):
                before = leases(client)

                async def all_later():
                    return all(leases(client)[ticket] > before[ticket] for ticket in tickets)

                await until(all_later)

            asyncio.run(story())
        finally:
            holder.kill()


def test_slots_are_renewed_under_load_too(client, server):
    slots = [Scope(key="slots", concurrent=1)]

    async def story():
        # That the lease is renewed is seen in the store.
        async with shared(server.url, clock=racer.hurried) as limits:
            held = await limits.admit(slots, 1, sensitive=True)
            before = leases(client)
            over = asyncio.Event()

            async def load():
                while not over.is_set():
                    assert (await limits.admit([Scope(key="b")], 1, sensitive=True)).granted

            async def watch():
                while leases(client) == before:
                    await asyncio.sleep(0.05)
                over.set()

            await asyncio.wait_for(asyncio.gather(watch(), *[load() for _ in range(8)]), 30)
            assert leases(client).keys() == before.keys()
            assert not (await limits.admit(slots, 1, sensitive=True)).granted
            limits.release(held)
            assert (await limits.admit(slots, 1, sensitive=True)).granted

    asyncio.run(story())


def test_a_clean_stop_gives_every_slot_back(client, server):
    slots = [Scope(key="slots", concurrent=300)]

    async def story():
        async with shared(server.url) as limits:
            await asyncio.gather(*[limits.admit(slots, 1, sensitive=True) for _ in range(300)])
            assert client.zcard("{reticent}:slots:slots") == 300
        assert client.zcard("{reticent}:slots:slots") == 0

    asyncio.run(story())


def test_scripts_that_the_store_dropped_are_loaded_again(client, server):
    async def story():
        async with shared(server.url) as limits:
            assert (await limits.admit([Scope(key="a")], 1, sensitive=True)).granted
            client.script_flush()
            assert (await limits.admit([Scope(key="a")], 1, sensitive=True)).granted
            assert limits.store == "up"

    asyncio.run(story())


def test_keys_expire_unless_they_count_for_life(client, server):
    async def story():
        async with shared(server.url) as limits:
            before_ms = now_ms()
            await limits.admit(
                [
                    Scope(key="rate", rows_per_minute=6, burst_rows=12, concurrent=3),
                    Scope(key="day", rolling=((9, 86_400.0),)),
                    Scope(key="life", rows_per_minute=6, burst_rows=12, lifetime_rows=10),
                ],
                2,
                sensitive=True,
            )
            after_ms = now_ms()

            def kept_s(key):  # counted from when it was said: the machine may have paused since
                end_ms = client.pexpiretime(f"{{reticent}}:{key}")
                return (end_ms - after_ms) / 1e3, (end_ms - before_ms) / 1e3

            least_s, most_s = kept_s("rate")
            assert least_s <= 21 <= most_s
            least_s, most_s = kept_s("rate:slots")
            assert least_s <= 31 <= most_s
            least_s, most_s = kept_s("day")
            assert most_s > 86_400
            assert least_s < 95_000
            assert client.pttl("{reticent}:life") == -1

    def now_ms():
        seconds, micros = client.time()
        return seconds * 1000 + micros // 1000

    asyncio.run(story())


def test_passwords_and_unix_sockets(tmp_path):
    async def story(url):
        async with shared(url) as limits:
            admission = await limits.admit([Scope(key="a")], 1, sensitive=True)
            return admission.granted, limits.store

    with ServedStore(tmp_path, requirepass="open sesame") as served:
        tcp = f"valkey://:open%20sesame@127.0.0.1:{served.port}/3"
        unix = f"unix://:open%20sesame@{served.socket_path}?db=3"
        assert asyncio.run(story(tcp)) == (True, "up")
        assert asyncio.run(story(unix)) == (True, "up")
        granted, store = asyncio.run(story(served.url))
        assert (granted, store[:6]) == (False, "away: ")
        assert "uthentication" in store


def test_a_store_that_may_evict_is_not_trusted(tmp_path):
    options = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}

    async def story(url):
        async with shared(url) as limits:
            refused = await limits.admit([Scope(key="a")], 1, sensitive=True)
            assert refused.reason == "store away"
            assert "noeviction" in limits.store

    with ServedStore(tmp_path, **options) as served:
        asyncio.run(story(served.url))


def test_a_url_that_is_none():
    with pytest.raises(BadInput, match="shared store's URL"):
        SharedLimits("memory", replicas=1, clock=time.time, state=None, name="one")
