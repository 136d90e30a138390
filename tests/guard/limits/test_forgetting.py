"""A store that lost its memory is told what was spent before anybody is let through again."""

import asyncio
import shutil
import time

import valkey
from guard.limits.test_outage import PATIENCE_S, SLOW, count, shared, until_up
from guard.served_store import ServedStore

from reticent.guard.limits.wire import JOIN
from reticent.guard.types import Scope

LIFE = Scope(key="life", lifetime_rows=60)
DAY = Scope(key="day", rolling=((30, 86_400.0),))


async def spend(limits, scope, rows):
    for _ in range(rows):
        assert (await limits.admit([scope], 1, sensitive=True)).granted


async def until(holds):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_budgets_survive_a_store_that_starts_empty(store, tmp_path):
    async def story():
        async with (
            shared(store, tmp_path, "one") as one,
            shared(store, tmp_path, "two") as two,
        ):
            await spend(one, LIFE, 10)
            await spend(two, LIFE, 7)
            await spend(one, LIFE, 3)
            await spend(two, DAY, 12)
            await spend(one, DAY, 2)
            store.kill()
            store.start()
            assert (await count(one, LIFE, sensitive=True))[0] == 0
            assert (await count(two, LIFE, sensitive=True))[0] == 0
            await until_up(one)
            await until_up(two)
            assert (await one.spent("life"))["lifetime_rows"] == 20
            rows, refused = await count(two, LIFE, sensitive=True)
            assert (rows, refused.reason) == (40, "lifetime")
            rows, refused = await count(one, DAY, sensitive=True)
            assert (rows, refused.reason) == (16, "rolling")

    asyncio.run(story())


def test_nothing_opens_until_every_replica_has_spoken(store, tmp_path):
    async def story():
        async with shared(store, tmp_path, "one") as one:
            async with shared(store, tmp_path, "two") as two:
                await spend(one, LIFE, 1)
                await spend(two, LIFE, 20)
                await until(lambda: "two" in one._joining.members)
            store.kill()
            store.start()
            assert (await count(one, LIFE, sensitive=True))[0] == 0
            await until(lambda: "other replicas" in one.store)
            await asyncio.sleep(0.5)  # another probe later
            assert (await count(one, LIFE, sensitive=True))[0] == 0
            assert "other replicas" in one.store
            async with shared(store, tmp_path, "two") as two:
                await count(two, LIFE, sensitive=True, most=1)
                await until_up(one)
                assert (await one.spent("life"))["lifetime_rows"] >= 21

    asyncio.run(story())


def test_an_operator_can_give_a_lost_replica_up(store, tmp_path):
    async def story():
        async with shared(store, tmp_path, "one") as one:
            async with shared(store, tmp_path, "two") as two:
                await spend(two, LIFE, 20)
                await spend(one, LIFE, 5)
            shutil.rmtree(tmp_path / "two")
            for missing in (("two",), ()):  # it is not missed the next time
                store.kill()
                store.start()
                assert (await count(one, LIFE, sensitive=True))[0] == 0
                if missing:
                    await until(lambda: "other replicas" in one.store)
                    assert await one.accept_loss() == missing
                await until_up(one)
                assert (await one.spent("life"))["lifetime_rows"] == 25

    asyncio.run(story())


def test_a_store_that_comes_back_from_an_older_file(tmp_path):
    async def story(store):
        async with shared(store, tmp_path, "one") as one:
            await spend(one, LIFE, 10)
            await spend(one, DAY, 10)
            with valkey.Valkey(port=store.port) as client:
                client.save()
            await spend(one, LIFE, 20)
            await spend(one, DAY, 5)
            store.kill()
            store.start()
            assert (await count(one, LIFE, sensitive=True))[0] == 0
            await until_up(one)
            assert (await one.spent("life"))["lifetime_rows"] == 30
            assert (await one.spent("day"))["rolling_rows_0"] == 15

    with ServedStore(tmp_path / "store", save="3600 1") as store:
        asyncio.run(story(store))


def test_marks_come_on_top_of_what_a_newcomer_granted(store, tmp_path):
    """A replica without memory finds an empty store first; who remembers comes later."""

    async def story():
        async with shared(store, tmp_path, "old") as old:
            await spend(old, LIFE, 25)
            await spend(old, DAY, 9)
        with valkey.Valkey(port=store.port) as client:
            client.flushall()
        async with shared(store, tmp_path, "new") as new:
            await spend(new, LIFE, 6)
            await spend(new, DAY, 4)
            async with shared(store, tmp_path, "old") as old:
                await count(old, LIFE, sensitive=True, most=1)
                await until_up(old)
                assert (await old.spent("day"))["rolling_rows_0"] == 13
                assert 31 <= (await old.spent("life"))["lifetime_rows"] <= 32
                await until_up(new)
                rows, _ = await count(new, DAY, sensitive=True)
                assert rows == 30 - 13

    asyncio.run(story())


def test_a_flushed_store_is_noticed_at_the_next_request(store, tmp_path):
    async def story():
        async with shared(store, tmp_path, "one") as one:
            await spend(one, LIFE, 25)
            with valkey.Valkey(port=store.port) as client:
                client.flushall()
            refused = await one.admit([LIFE], 1, sensitive=True)
            assert refused.reason == "store away"
            await until_up(one)
            assert (await count(one, LIFE, sensitive=True))[0] == 35

    asyncio.run(story())


def test_marks_are_on_disk_before_long(store, tmp_path):
    """A replica killed two seconds after its last grant still knows what it saw."""

    async def story():
        async with shared(store, tmp_path, "one") as one:
            await spend(one, LIFE, 25)
            await until(lambda: not (one._marks._fresh or one._marks._writing))
            texts = await one._marks._shelf.get(["life"])
            assert "25" in texts["life"]

    asyncio.run(story())


def test_the_rate_is_shared_too(store, tmp_path):
    scope = Scope(key="a", rows_per_minute=SLOW, burst_rows=10)

    async def story():
        async with shared(store, tmp_path, "one") as one, shared(store, tmp_path, "two") as two:
            assert (await count(one, scope, most=6))[0] == 6
            assert (await count(two, scope))[0] == 4

    asyncio.run(story())


def test_those_who_are_up_wait_too_while_somebody_who_remembers_has_not_spoken(store, tmp_path):
    async def story():
        async with shared(store, tmp_path, "new") as new:
            await spend(new, LIFE, 6)
            keys = [f"{{reticent}}:{name}" for name in ("epoch", "members", "seeded")]
            with valkey.Valkey(port=store.port) as client:
                run_id = client.info("server")["run_id"]
                client.eval(JOIN, 3, *keys, "join", "slow", run_id, "unused", "an older epoch")
            assert (await new.admit([LIFE], 1, sensitive=True)).reason == "store away"
            assert await new.accept_loss() == ("slow",)
            await until_up(new)
            assert (await new.spent("life"))["lifetime_rows"] == 6

    asyncio.run(story())
