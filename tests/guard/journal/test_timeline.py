import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reticent.guard.journal.keeper import erase
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.sqlite import SqliteStore, sqlite_journal
from reticent.guard.journal.timeline import Timeline, entries, timeline
from reticent.guard.types import Entry

from .conftest import entry

Clock = Callable[[], float]
HOUR_S = 3600.0

STORY: Sequence[Entry] = (
    Entry(time_s=100.0, kind="start"),
    Entry(
        time_s=86_400.0,
        kind="query",
        identity="ann",
        token="ann-1",
        model="m",
        rows=2,
        outcome="answered",
        fingerprints=(b"a" * 16, b"b" * 16),
    ),
    Entry(time_s=86_401.0, kind="query", identity="bob", model="m", rows=50, outcome="answered"),
    Entry(
        time_s=86_402.0,
        kind="query",
        identity="ann",
        token="ann-2",
        model="k",
        rows=1,
        outcome="answered",
        fingerprints=(b"b" * 16,),
    ),
    Entry(
        time_s=86_400.0 + 3 * HOUR_S,
        kind="refusal",
        identity="ann",
        model="m",
        rows=30,
        outcome="rate",
        detail={"times": 6},
    ),
    Entry(
        time_s=3 * 86_400.0,
        kind="query",
        identity="ann",
        model="m",
        rows=4,
        outcome="upstream away",
    ),
    Entry(
        time_s=3 * 86_400.0,
        kind="suspicion",
        outcome="sweep",
        detail={"identities": ["ann", "bob"]},
    ),
    Entry(time_s=3 * 86_400.0, kind="query", identity="anna", model="m", rows=9),
)


@pytest.fixture
def store(path: Path, keys: JournalKeys, clock: Clock) -> SqliteStore:
    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        for each in STORY:
            await journal.append(each, durable=False)
        await journal.close()

    asyncio.run(use())
    return SqliteStore(path)


def test_a_history_is_told(store: SqliteStore) -> None:
    told = timeline(store, {"ann"})
    store.close()
    assert told == Timeline(
        requests=9,
        rows=3,
        answered=2,
        refusals={"rate": 6, "upstream away": 1},
        models={"m": 2, "k": 1},
        days={1: 33, 3: 4},
        suspicions={"sweep": 1},
        different_rows=2,
        first_s=86_400.0,
        last_s=3 * 86_400.0,
        gaps=(
            (86_400.0 + 3 * HOUR_S, 3 * 86_400.0),
            (86_402.0, 86_400.0 + 3 * HOUR_S),
        ),
        erased=0,
    )


def test_a_token_has_a_history_of_its_own(store: SqliteStore) -> None:
    told = timeline(store, {"ann-2"})
    store.close()
    assert (told.requests, told.rows) == (1, 1)


def test_nobody_has_no_history(store: SqliteStore) -> None:
    assert timeline(store, {"nobody"}) == Timeline()
    store.close()


def test_erased_rows_are_counted_as_unknown(store: SqliteStore, keys: JournalKeys) -> None:
    erase(store, keys, lambda e: e.model == "k", "asked", clock=lambda: 1.0)
    told = timeline(store, {"ann"})
    assert (told.rows, told.erased) == (2, 1)
    assert [s for chain, s, e in entries(store) if chain == "guard" and e is None] == [4]
    store.close()


def test_entries_can_begin_later(store: SqliteStore) -> None:
    assert [sequence for _, sequence, _ in entries(store, after=6)] == [7, 8]
    assert [sequence for _, sequence, _ in entries(store, {"bob"}, after=3)] == [7]
    store.close()


def test_a_name_inside_another_word_is_not_meant(store: SqliteStore) -> None:
    found = {e.identity for _, _, e in entries(store, {"ann"}) if e is not None}
    store.close()
    assert found == {"ann", ""}  # the suspicion has two identities, and is about both
    assert entry(0).identity == "ann"
