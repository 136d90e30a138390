import asyncio

import pytest

from reticent.config import parse_guard
from reticent.guard.journal.chain import entry_of
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.open import journal_store, open_journal
from reticent.guard.journal.verify import verify
from reticent.guard.retention import DAY_S, forget_old
from reticent.guard.types import Entry

SECRET = b"\x01\x02" * 30
NOW_S = 1_000 * DAY_S


def settings(keep_days):
    endpoint = {
        "model": "m",
        "owner": "Tests",
        "protocol": "open-inference",
        "upstream": "http://127.0.0.1:9",
    }
    guard = {"endpoint": [endpoint]} | ({"keep_days": keep_days} if keep_days else {})
    return parse_guard({"guard": guard}).guard


def texts(guard, state):
    store = journal_store(guard, state)
    try:
        rows = [row for chain in store.chains() for row in store.rows(chain)]
        return [entry_of(row.payload) for row in rows if not row.erased]
    finally:
        store.close()


@pytest.fixture
def journal(tmp_path):
    """Rows of 0, 10, 20 ... 90 days ago, each of an identity of its own."""
    guard = settings(None)

    async def fill():
        opened = open_journal(guard, tmp_path, secret=SECRET, clock=lambda: NOW_S)
        for days in range(0, 100, 10):
            entry = Entry(time_s=NOW_S - days * DAY_S, kind="query", identity=f"day-{days}")
            await opened.append(entry, durable=True)
        await opened.close()

    asyncio.run(fill())
    return tmp_path


def test_rows_older_than_keep_days_lose_their_text_and_the_rest_keeps_it(journal):
    guard = settings(35)
    done = forget_old(guard, journal, secret=SECRET, clock=lambda: NOW_S)
    assert done.rows == 6
    left = {entry.identity for entry in texts(guard, journal) if entry.kind == "query"}
    assert left == {"day-0", "day-10", "day-20", "day-30"}
    store = journal_store(guard, journal)
    assert not verify(store, journal_keys(SECRET)).problems
    store.close()
    on_disk = b"".join(p.read_bytes() for p in journal.iterdir() if p.is_file())
    assert b"day-30" in on_disk
    assert b"day-40" not in on_disk


def test_without_keep_days_nothing_is_forgotten(journal):
    assert forget_old(settings(None), journal, secret=SECRET, clock=lambda: NOW_S) is None
    assert len([e for e in texts(settings(None), journal) if e.kind == "query"]) == 10
