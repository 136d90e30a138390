import asyncio
import gc
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reticent.core import BadInput
from reticent.guard.journal.chain import Row, entry_of
from reticent.guard.journal.checkpoint import Checkpoint
from reticent.guard.journal.keys import JournalKeys, journal_keys
from reticent.guard.journal.sqlite import GUARD, SqliteStore, sqlite_journal
from reticent.guard.journal.store import KEEPER
from reticent.guard.journal.writer import ChainedJournal
from reticent.guard.types import JournalDown

from .conftest import entry

Clock = Callable[[], float]


def kept(path: Path) -> list[float]:
    store = SqliteStore(path)
    try:
        return [entry_of(row.payload).time_s for row in store.rows(GUARD)]
    finally:
        store.close()


def test_rows_are_kept_in_order(path: Path, keys: JournalKeys, clock: Clock) -> None:
    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        for i in range(50):
            await journal.append(entry(i), durable=i % 7 == 0)
        await journal.close()

    asyncio.run(use())
    assert kept(path) == [entry(i).time_s for i in range(50)]


def test_a_durable_row_is_there_when_append_returns(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        for i in range(5):
            await journal.append(entry(i), durable=True)
            assert kept(path) == [entry(k).time_s for k in range(i + 1)]
        await journal.close()

    asyncio.run(use())


def test_nobody_waits_for_the_anchor_of_what_is_on_disk(
    path: Path, keys: JournalKeys, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    seen: list[tuple[int, bool]] = []

    def held(_: Path, signed: Checkpoint) -> None:
        seen.append((signed.count, answered.wait(30)))

    monkeypatch.setattr("reticent.guard.journal.writer.append_anchor", held)

    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock, anchors=path, checkpoint_rows=1)
        await journal.append(entry(0), durable=True)
        answered.set()
        await journal.append(entry(1), durable=True)
        await journal.close()

    asyncio.run(use())
    assert seen == [(1, True), (2, True)]


def test_waiting_rows_share_a_commit(path: Path, keys: JournalKeys, clock: Clock) -> None:
    async def use() -> int:
        journal = sqlite_journal(path, keys, clock=clock)
        before = _wal_commits(path)
        await asyncio.gather(*(journal.append(entry(i), durable=True) for i in range(200)))
        after = _wal_commits(path)
        await journal.close()
        return after - before

    assert asyncio.run(use()) <= 3
    assert len(kept(path)) == 200


def test_a_full_queue_makes_callers_wait_and_loses_nothing(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    async def use() -> int:
        journal = sqlite_journal(path, keys, clock=clock, most_waiting=4)
        most = 0

        async def one(i: int) -> None:
            nonlocal most
            await journal.append(entry(i), durable=False)
            most = max(most, len(journal._waiting))

        await asyncio.gather(*(one(i) for i in range(300)))
        await journal.close()
        return most

    assert asyncio.run(use()) <= 4
    assert sorted(kept(path)) == [entry(i).time_s for i in range(300)]


def test_the_chain_goes_on_after_a_reopening(path: Path, keys: JournalKeys, clock: Clock) -> None:
    for i in range(3):

        async def use(i: int = i) -> int:
            journal = sqlite_journal(path, keys, clock=clock)
            await journal.append(entry(i), durable=True)
            await journal.close()
            return journal.head.length

        assert asyncio.run(use()) == i + 1


def test_another_secret_is_found_out_before_anything_is_written(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        await journal.append(entry(1), durable=True)
        await journal.close()

    asyncio.run(use())
    with pytest.raises(BadInput, match="not written with this secret"):
        sqlite_journal(path, journal_keys(b"y" * 32), clock=clock)
    assert len(kept(path)) == 1


def test_nothing_is_taken_after_closing(path: Path, keys: JournalKeys, clock: Clock) -> None:
    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        await journal.close()
        await journal.close()
        with pytest.raises(JournalDown, match="closed"):
            await journal.append(entry(1), durable=False)

    asyncio.run(use())


def test_a_cancelled_caller_disturbs_nobody(path: Path, keys: JournalKeys, clock: Clock) -> None:
    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        gone = asyncio.create_task(journal.append(entry(1), durable=True))
        await asyncio.sleep(0)
        gone.cancel()
        await journal.append(entry(2), durable=True)
        await journal.close()

    asyncio.run(use())
    assert entry(2).time_s in kept(path)


def test_a_file_of_something_else_is_left_alone(
    tmp_path: Path, keys: JournalKeys, clock: Clock
) -> None:
    text = tmp_path / "notes.txt"
    text.write_bytes(b"not a database " * 100)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(BadInput):
            sqlite_journal(path, keys, clock=clock)
        assert path.read_bytes() == before


def test_only_its_owner_may_read_the_file(path: Path, keys: JournalKeys, clock: Clock) -> None:
    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        await journal.append(entry(1), durable=True)
        for file in path.parent.iterdir():
            if file.name.startswith(path.name) and ".lock" not in file.suffix:
                assert file.stat().st_mode & 0o077 == 0, file
        await journal.close()

    asyncio.run(use())


def _wal_commits(path: Path) -> int:
    """Count the commit marks in a write-ahead log (its frames' second word is then not 0)."""
    wal = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(wal[8:12], "big")
    frames = range(32, len(wal), 24 + page)
    return sum(int.from_bytes(wal[at + 4 : at + 8], "big") > 0 for at in frames)


@pytest.mark.parametrize("chain", [GUARD, KEEPER])
def test_batches_of_all_sizes_leave_few_statements_behind(path: Path, chain: str) -> None:
    store = SqliteStore(path)
    store.open(chain)
    written: list[Row] = []
    before = _statements()
    for size in [*range(1, 132), 300]:  # each would keep about a kilobyte a row
        numbers = range(len(written) + 1, len(written) + 1 + size)
        rows = [Row(n, b"{%d}" % n, b"s" * 16, b"c" * 32, b"l" * 32) for n in numbers]
        store.write(chain, rows, None, durable=False)
        written += rows
    assert _statements() - before <= 20
    assert list(store.rows(chain)) == written
    store.close()


def _statements() -> int:
    return sum(type(each).__qualname__ == "Statement" for each in gc.get_objects())


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
def test_a_durable_row_waits_for_the_disk_and_others_do_not(
    path: Path, keys: JournalKeys, durable: bool, synchronous: int
) -> None:
    """2 is FULL: SQLite calls fsync in every commit; 1 is NORMAL: at checkpoints alone."""
    store = SqliteStore(path)

    async def use() -> None:
        journal = ChainedJournal(store, keys, GUARD, clock=lambda: 0.0)
        await journal.append(entry(1), durable=durable)
        until_s = time.monotonic() + 10
        while journal.head.length < 1 and time.monotonic() < until_s:
            await asyncio.sleep(0.001)
        assert store._connection is not None
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        await journal.close()

    asyncio.run(use())
