import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from reticent.core import BadInput
from reticent.guard.journal.chain import Row, entry_of
from reticent.guard.journal.checkpoint import Checkpoint, anchors
from reticent.guard.journal.keeper import Erased, erase
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.sqlite import GUARD, SqliteStore, sqlite_journal
from reticent.guard.journal.store import KEEPER, Store, StoreAway
from reticent.guard.journal.verify import verify
from reticent.guard.types import Entry

from .conftest import entry

Clock = Callable[[], float]


def said_by(i: int) -> Entry:
    """Return an entry of odd length with words that can be looked for in a file.

    They are too long to come about by chance among salts and links.
    """
    who = "annabel" if i % 3 == 0 else "bobbie"
    return entry(i, identity=who, detail={"words": f"{who}-{i:05d}-" + who * (i * 37 % 700)})


async def fill(path: Path, keys: JournalKeys, clock: Clock, count: int) -> None:
    journal = sqlite_journal(path, keys, clock=clock)
    await asyncio.gather(*(journal.append(said_by(i), durable=i % 50 == 0) for i in range(count)))
    await journal.close()


def bytes_of(path: Path) -> bytes:
    return b"".join(f.read_bytes() for f in path.parent.iterdir() if f.name.startswith(path.name))


def forget(path: Path, keys: JournalKeys, who: str, **options: object) -> Erased:
    store = SqliteStore(path)
    try:
        return erase(
            store,
            keys,
            lambda e: e.identity == who,
            "request 7",
            clock=time.time,
            **options,  # type: ignore[arg-type]  # a test's own
        )
    finally:
        store.close()


def problems(path: Path, keys: JournalKeys) -> list[str]:
    store = SqliteStore(path)
    try:
        return [str(p) for p in verify(store, keys).problems]
    finally:
        store.close()


def test_the_words_are_gone_from_every_byte_on_disk(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    asyncio.run(fill(path, keys, clock, 900))
    assert b"annabel-00300" in bytes_of(path)
    done = forget(path, keys, "annabel", most_rows=70)
    assert done == Erased(rows=300, portions=5, gone=True)
    left = bytes_of(path)
    assert b"annabel" not in left
    assert left.count(b"bobbie-") == 600
    assert not problems(path, keys)


def test_the_words_are_gone_while_a_guard_writes(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    async def use() -> Erased:
        await fill(path, keys, clock, 600)
        journal = sqlite_journal(path, keys, clock=clock)
        going = True

        async def write() -> None:
            i = 1
            while going:
                await journal.append(said_by(i * 3 + 1), durable=True)
                i += 1

        writing = asyncio.create_task(write())
        done = await asyncio.to_thread(forget, path, keys, "annabel", most_rows=20)
        found = bytes_of(path)
        going = False
        await writing
        await journal.close()
        assert done.gone
        assert b"annabel" not in found
        return done

    assert asyncio.run(use()).rows == 200
    assert not problems(path, keys)


def test_compact_gives_the_space_back(path: Path, keys: JournalKeys, clock: Clock) -> None:
    asyncio.run(fill(path, keys, clock, 600))
    forget(path, keys, "annabel")
    before = path.stat().st_size
    forget(path, keys, "bobbie", compact=True)
    assert path.stat().st_size < before / 3
    assert b"bobbie" not in bytes_of(path)
    assert not problems(path, keys)


def test_the_erasure_says_which_rows_and_why_and_never_whose(
    path: Path, keys: JournalKeys, clock: Clock, tmp_path: Path
) -> None:
    asyncio.run(fill(path, keys, clock, 7))
    forget(path, keys, "annabel", anchors=tmp_path / "a.jsonl")
    store = SqliteStore(path)
    told = [entry_of(row.payload) for row in store.rows(KEEPER)]
    erased = [row for row in store.rows(GUARD) if row.erased]
    store.close()
    assert [e.detail for e in told] == [{"rows": {GUARD: [[1, 1], [4, 4], [7, 7]]}}]
    assert told[0].outcome == "request 7"
    assert "annabel" not in str(told)
    assert not any(row.payload.strip(b"\0") or row.salt.strip(b"\0") for row in erased)
    assert [a.chain for a in anchors(tmp_path / "a.jsonl")] == [KEEPER]


def test_erasures_are_never_erased(path: Path, keys: JournalKeys, clock: Clock) -> None:
    asyncio.run(fill(path, keys, clock, 30))
    for _ in range(2):
        store = SqliteStore(path)
        erase(store, keys, lambda _: True, "all", clock=clock)
        store.close()
    store = SqliteStore(path)
    assert [entry_of(row.payload).kind for row in store.rows(KEEPER)] == ["erasure"]
    store.close()
    assert not problems(path, keys)


class Failing:
    """A store whose disk fails after some portions."""

    def __init__(self, store: SqliteStore, portions: int) -> None:
        self._store, self._left = store, portions

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def erase(
        self, pairs: Mapping[str, Sequence[Sequence[int]]], row: Row, checkpoint: Checkpoint
    ) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreAway("no more")
        self._store.erase(pairs, row, checkpoint)


@pytest.mark.parametrize("portions", [0, 1, 3])
def test_a_crash_half_way_leaves_it_whole_and_it_goes_on(
    path: Path, keys: JournalKeys, clock: Clock, portions: int
) -> None:
    asyncio.run(fill(path, keys, clock, 300))
    store = SqliteStore(path)
    failing: Store = Failing(store, portions)  # type: ignore[assignment]  # by __getattr__
    with pytest.raises(StoreAway):
        erase(failing, keys, lambda e: e.identity == "annabel", "r", clock=clock, most_rows=20)
    store.close()
    assert not problems(path, keys)
    done = forget(path, keys, "annabel", most_rows=20)
    assert done.rows == 100 - 20 * portions
    assert b"annabel" not in bytes_of(path)
    assert not problems(path, keys)


def test_two_cannot_erase_at_once(path: Path, keys: JournalKeys, clock: Clock) -> None:
    asyncio.run(fill(path, keys, clock, 3))
    store = SqliteStore(path)
    store.open(KEEPER)
    with pytest.raises(BadInput, match="another process"):
        forget(path, keys, "annabel")
    store.close()


def test_a_plain_update_would_leave_words_behind(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    """Without overwriting, neither in its place nor by secure_delete: the tests above can fail."""
    asyncio.run(fill(path, keys, clock, 900))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE guard_rows SET payload = '' WHERE payload LIKE '%\"annabel\"%'")
    connection.close()
    assert b"annabel" in bytes_of(path)


def test_nothing_is_left_when_one_after_the_other_is_forgotten(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    """Rows that moved when others went would leave copies in the unused parts of pages."""

    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        for i in range(1_500):
            who = f"person-{i * 7919 % 10}"
            told = entry(i, identity=who, detail={"words": f"<{who}>" * (i * 31 % 60)})
            await journal.append(told, durable=False)
        await journal.close()

    asyncio.run(use())
    for number in range(10):
        forget(path, keys, f"person-{number}", most_rows=40)
        assert f"person-{number}".encode() not in bytes_of(path)
    assert not problems(path, keys)
