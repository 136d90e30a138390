"""One process: exact while it lives, and after a crash never a row more than the budget."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from reticent.core import BadInput
from reticent.guard.limits.memory import _LOOK_LEAST_KEYS, MemoryLimits, lease_rows
from reticent.guard.limits.shelf import _TABLE
from reticent.guard.types import Scope

START_S = 1_800_000_000.0
DAY_S = 86_400.0


class Clock:
    def __init__(self):
        self.now_s = START_S

    def __call__(self):
        return self.now_s


def run(story, path=None, clock=None, **how):
    """Run an async story with limits and their clock; close them after it."""

    async def told():
        time = clock or Clock()
        limits = MemoryLimits(path, clock=time, **how)
        try:
            return await story(limits, time)
        finally:
            await limits.close()

    return asyncio.run(told())


async def count(limits, scopes, rows=1, tries=10_000):
    """Return how many rows go through before the first refusal, and that refusal."""
    total = 0
    for _ in range(tries):
        admission = await limits.admit(scopes, rows, sensitive=True)
        if not admission.granted:
            return total, admission
        total += rows
    raise AssertionError("never refused")


def test_burst_then_rate():
    async def story(limits, clock):
        scope = Scope(key="a", rows_per_minute=6, burst_rows=12)
        assert (await count(limits, [scope]))[0] == 12
        refused = await limits.admit([scope], 1, sensitive=True)
        assert (refused.reason, refused.scope, refused.retry_after_s) == ("rate", "a", 10.0)
        clock.now_s += 10
        assert (await count(limits, [scope]))[0] == 1
        assert (await limits.spent("a"))["rate_rows"] == 12
        too_many = await limits.admit([scope], 13, sensitive=True)
        assert (too_many.reason, too_many.retry_after_s) == ("too many rows", float("inf"))

    run(story)


def test_all_scopes_or_none_and_the_longest_wait_is_named():
    async def story(limits, clock):
        wide = Scope(key="wide", rows_per_minute=60, burst_rows=3, lifetime_rows=100)
        slow = Scope(key="slow", rows_per_minute=1, burst_rows=2)
        rows, refused = await count(limits, [wide, slow])
        assert (rows, refused.scope, refused.retry_after_s) == (2, "slow", 60.0)
        assert (await limits.spent("wide"))["lifetime_rows"] == 2
        await limits.admit([wide], 1, sensitive=True)
        both = await limits.admit([wide, slow], 1, sensitive=True)
        assert both.scope == "slow"
        assert (await limits.spent("wide"))["lifetime_rows"] == 3

    run(story)


def test_lifetime_and_rolling():
    async def story(limits, clock):
        scope = Scope(key="a", lifetime_rows=25, rolling=((10, DAY_S),))
        rows, refused = await count(limits, [scope])
        assert (rows, refused.reason) == (10, "rolling")
        clock.now_s += refused.retry_after_s - 1
        assert (await count(limits, [scope]))[0] == 0
        clock.now_s += 1
        assert (await count(limits, [scope]))[0] == 10
        clock.now_s += 2 * DAY_S
        rows, refused = await count(limits, [scope])
        assert (rows, refused.reason, refused.retry_after_s) == (5, "lifetime", float("inf"))
        assert await limits.spent("a") == {
            "lifetime_rows": 25,
            "rate_rows": 0,
            "concurrent": 0,
            "rolling_rows_0": 5,
        }
        assert (await limits.admit([replace(scope, key="b")], 11, sensitive=True)).reason == (
            "too many rows"
        )

    run(story)


def test_a_window_of_another_length_for_a_while_takes_nothing_back():
    async def story(limits, clock):
        scope = Scope(key="a", rolling=((20, 60.0),))
        other = replace(scope, rolling=((5, 10.0),))
        assert (await count(limits, [scope]))[0] == 20
        assert (await count(limits, [other]))[0] == 5
        assert (await count(limits, [scope]))[0] == 0  # a request begun before the limits changed
        clock.now_s += 20
        assert (await count(limits, [other]))[0] == 5
        clock.now_s += 60
        assert (await count(limits, [scope]))[0] == 20

    run(story)


def test_requests_under_old_and_new_windows_do_not_wait_for_each_other_for_ever(tmp_path):
    async def story(limits, clock):
        scope = Scope(key="a", rolling=((20, 60.0),))
        asked = (scope, replace(scope, rolling=((5, 10.0),)))
        async with asyncio.timeout(20):  # they never came to an end
            answers = await asyncio.gather(*(limits.admit([s], 1, sensitive=True) for s in asked))
        assert all(answer.granted for answer in answers)

    run(story, tmp_path / "limits")


def test_slots_come_back_once():
    async def story(limits, clock):
        scope = Scope(key="a", concurrent=2)
        first = await limits.admit([scope], 1, sensitive=True)
        assert (await limits.admit([scope], 1, sensitive=True)).granted
        assert (await limits.admit([scope], 1, sensitive=True)).reason == "concurrent"
        limits.release(first)
        limits.release(first)
        assert (await limits.admit([scope], 1, sensitive=True)).granted
        assert not (await limits.admit([scope], 1, sensitive=True)).granted
        assert (await limits.spent("a"))["concurrent"] == 2

    run(story)


def test_less_than_a_row_is_no_request():
    async def story(limits, clock):
        with pytest.raises(ValueError, match="1 or more"):
            await limits.admit([Scope(key="a")], 0, sensitive=True)

    run(story)


def test_a_clean_stop_keeps_exact_counts(tmp_path):
    path, clock = tmp_path / "state" / "limits.sqlite", Clock()
    scope = Scope(
        key="a", rows_per_minute=6, burst_rows=50, lifetime_rows=100, rolling=((60, DAY_S),)
    )

    async def some(limits, _):
        for _ in range(7):
            assert (await limits.admit([scope], 3, sensitive=True)).granted

    async def rest(limits, _):
        assert await limits.spent("nobody") == {}
        assert (await limits.spent("a"))["lifetime_rows"] == 21
        rows, refused = await count(limits, [scope])
        assert (rows, refused.reason) == (29, "rate")

    run(some, path, clock)
    run(rest, path, clock)


def test_sixty_four_at_once_get_exactly_the_budget(tmp_path):
    scopes = [Scope(key="a", lifetime_rows=500), Scope(key="b", rolling=((480, DAY_S),))]

    async def story(limits, clock):
        async def client():
            return sum([(await limits.admit(scopes, 1, sensitive=True)).granted for _ in range(20)])

        assert sum(await asyncio.gather(*[client() for _ in range(64)])) == 480
        assert (await limits.spent("a"))["lifetime_rows"] == 480

    run(story, tmp_path / "limits.sqlite")


def test_resting_keys_leave_memory_and_forget_nothing(tmp_path):
    scopes = [
        Scope(key=f"k{i}", rows_per_minute=6, burst_rows=5, lifetime_rows=9) for i in range(50)
    ]

    async def story(limits, clock):
        for turn in range(2):
            for scope in scopes:
                assert (await limits.admit([scope], 2, sensitive=True)).granted, (turn, scope)
        assert len(limits._kept) <= 8
        for scope in scopes:
            rows, refused = await count(limits, [scope])
            assert (rows, refused.reason) == (1, "rate")
        clock.now_s += 3600
        for scope in scopes:
            rows, refused = await count(limits, [scope])
            assert (rows, refused.reason) == (4, "lifetime")

    run(story, tmp_path / "limits.sqlite", max_keys=8)


def test_callers_who_came_once_do_not_stay_in_memory():
    async def story(limits, clock):
        lasting = Scope(key="lasting", lifetime_rows=5)
        busy = Scope(key="busy", concurrent=1)
        await limits.admit([lasting], 2, sensitive=True)
        assert (await limits.admit([busy], 1, sensitive=True)).granted
        for i in range(6 * _LOOK_LEAST_KEYS):
            once = Scope(key=f"k{i}", rows_per_minute=60, burst_rows=2)
            assert (await limits.admit([once], 1, sensitive=True)).granted
            clock.now_s += 0.1
        assert len(limits._kept) <= _LOOK_LEAST_KEYS
        assert (await limits.admit([busy], 1, sensitive=True)).reason == "concurrent"
        assert (await count(limits, [lasting]))[0] == 3
        last = Scope(key="last", rows_per_minute=6, burst_rows=2)
        assert (await count(limits, [last]))[0] == 2
        for i in range(2 * _LOOK_LEAST_KEYS):
            await limits.admit([Scope(key=f"l{i}", rows_per_minute=60)], 1, sensitive=True)
        assert (await limits.admit([last], 1, sensitive=True)).reason == "rate"

    run(story)


def test_keys_that_come_and_go_under_many_clients_are_counted_exactly(tmp_path):
    scopes = [Scope(key=f"k{i}", lifetime_rows=25) for i in range(12)]

    async def story(limits, clock):
        granted = dict.fromkeys(range(12), 0)

        async def client(number):
            for turn in range(40):
                which = (number * 7 + turn * 5) % 12
                admission = await limits.admit([scopes[which]], 1, sensitive=True)
                granted[which] += admission.granted

        await asyncio.wait_for(asyncio.gather(*[client(i) for i in range(32)]), 60)
        assert granted == dict.fromkeys(range(12), 25)

    run(story, tmp_path / "limits.sqlite", max_keys=4)


def test_what_no_longer_matters_leaves_the_file(tmp_path):
    path = tmp_path / "limits.sqlite"

    async def story(limits, clock):
        for i in range(20):
            scope = Scope(key=f"k{i}", rows_per_minute=6, burst_rows=5, rolling=((9, 60.0),))
            await limits.admit([scope], 2, sensitive=True)
        clock.now_s += 3600
        for i in range(20):
            await limits.admit([Scope(key=f"l{i}", lifetime_rows=5)], 2, sensitive=True)

    run(story, path, max_keys=4)
    base = sqlite3.connect(path)
    keys = {key for (key,) in base.execute("SELECT key FROM kept")}
    base.close()
    assert keys == {f"l{i}" for i in range(20)}


def test_a_second_guard_may_not_use_the_file(tmp_path):
    async def story(limits, clock):
        with pytest.raises(BadInput, match="One guard at a time"):
            MemoryLimits(tmp_path / "limits.sqlite", clock=clock)

    run(story, tmp_path / "limits.sqlite")


def test_without_its_file_it_grants_nothing_that_must_last(tmp_path):
    scope = Scope(key="a", lifetime_rows=1000)

    async def story(limits, clock):
        assert (await limits.admit([scope], 1, sensitive=False)).granted
        await limits._shelf._run(lambda: limits._shelf._base.execute("DROP TABLE kept"))
        rows, refused = await count(limits, [scope])
        assert (rows, refused.reason) == (lease_rows(1000), "store away")
        await limits._shelf._run(lambda: limits._shelf._base.execute(_TABLE))
        assert (await limits.admit([scope], 1, sensitive=False)).granted

    run(story, tmp_path / "limits.sqlite")


CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
from reticent.guard.limits.memory import MemoryLimits
from reticent.guard.types import Scope

async def main():
    limits = MemoryLimits(Path(sys.argv[1]), clock=lambda: 1.8e9)
    scope = Scope(key="a", **eval(sys.argv[3]))
    while (await limits.admit([scope], 1, sensitive=True)).granted:
        os.write(1, b"x")
        if int(sys.argv[2]) == 0:
            continue
        sys.argv[2] = int(sys.argv[2]) - 1
        if sys.argv[2] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    await limits.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("most", [{"lifetime_rows": 250}, {"rolling": ((250, DAY_S),)}])
def test_kill_9_never_gains_a_row_and_loses_less_than_a_chunk_each(tmp_path, most):
    path, total, crashes = tmp_path / "limits.sqlite", 0, (1, 3, 20, 50)
    for after in (*crashes, 0):
        ran = subprocess.run(
            [sys.executable, "-c", CRASH, path, str(after), repr(most)],
            stdout=subprocess.PIPE,
            timeout=60,
        )
        assert ran.returncode == (-signal.SIGKILL if after else os.EX_OK)
        total += len(ran.stdout)
    assert 250 - len(crashes) * lease_rows(250) <= total <= 250


STEPS = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(1, 6),
        st.sampled_from(["go on", "stop", "crash"]),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_budgets_hold_through_stops_crashes_and_evictions(steps, tmp_path_factory):
    path, clock = tmp_path_factory.mktemp("limits") / "limits.sqlite", Clock()
    through = []

    async def story():
        limits = MemoryLimits(path, clock=clock, max_keys=2)
        for wait_s, key, rows, then in steps:
            clock.now_s += wait_s
            scope = Scope(key=key, lifetime_rows=30, rolling=((12, 64.0),))
            if (await limits.admit([scope], rows, sensitive=True)).granted:
                through.append((clock.now_s, key, rows))
            if then == "stop":
                await limits.close()
            elif then == "crash":  # what is in memory is gone
                await limits._shelf.close()
            if then != "go on":
                limits = MemoryLimits(path, clock=clock, max_keys=2)
        await limits.close()

    asyncio.run(story())
    for key in "abcd":
        mine = [(time, rows) for time, k, rows in through if k == key]
        assert sum(rows for _, rows in mine) <= 30
        for end, _ in mine:
            assert sum(rows for time, rows in mine if end - 64 < time <= end) <= 12


def any_scope(rng, key):
    return Scope(
        key=key,
        rows_per_minute=rng.choice([None, None, 90.0, 3600.0]),
        burst_rows=rng.randint(10, 40),
        concurrent=rng.choice([None, None, 8]),
        lifetime_rows=rng.choice([None, 30, 60]),
        rolling=rng.choice([(), (), (), ((40, 60.0),)]),
    )


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_what_is_granted_at_once_is_what_a_closer_look_grants(seed):
    # Scopes that are asked together again are looked at in fewer steps: with the same outcome.
    rng = random.Random(seed)
    scopes = {key: any_scope(rng, key) for key in "abc"}
    groups = []

    def regroup():
        groups.extend(tuple(scopes[key] for key in keys) for keys in ("abc", "ab", "bc", "c"))

    async def story(closely, clock):
        at_once = MemoryLimits(None, clock=clock)
        under_way = []
        regroup()
        for _ in range(150):
            what = rng.choice(
                ["ask"] * 12 + ["wait", "release", "release"] + ["change"] * (rng.random() < 0.1)
            )
            if what == "wait":
                clock.now_s += rng.choice([-1.0, 0.1, 1.0, 1.0, 30.0])
            elif what == "release" and under_way:
                told, quick = under_way.pop(rng.randrange(len(under_way)))
                for _ in range(2):  # twice counts once
                    closely.release(told)
                    at_once.release(quick)
            elif what == "change":
                key = rng.choice("abc")
                scopes[key] = any_scope(rng, key)
                regroup()
            elif what == "ask":
                group = rng.choice(groups[-8:])  # some of them from before the last change
                rows = rng.choice([1, 1, 2, 4])
                told = await closely.admit(list(group), rows, sensitive=False)
                quick = at_once.admit_at_once(group, rows)
                if quick is None:
                    quick = await at_once.admit(group, rows, sensitive=False)
                assert replace(quick, ticket=None) == replace(told, ticket=None)
                if told.granted:
                    under_way.append((told, quick))
            for key in "abc":
                assert await at_once.spent(key) == await closely.spent(key)
        await at_once.close()

    run(story)
