import asyncio
import hashlib
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from guard.identity.clock import Clock
from guard.journal.postgres_server import new_postgres

from reticent.guard.identity.key_changes import Issued, KeyChanges, pepper
from reticent.guard.identity.key_postgres import PostgresKeys
from reticent.guard.identity.key_sqlite import SqliteKeys
from reticent.guard.identity.key_store import CLAIM_S, Database, KeyRecord, KeyTable
from reticent.guard.identity.key_text import EXAMPLE_KEY, keyed_hash
from reticent.guard.identity.keys import UNSEEN_S, KeyRing
from reticent.guard.types import Caller, Entry, JournalDown

SECRET = hashlib.sha256(b"a secret").digest()
OTHER = hashlib.sha256(b"another secret").digest()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changes(database: Database, clock: Clock) -> KeyChanges:
    return KeyChanges(database, secret=SECRET, clock=clock, draw=secrets.token_bytes)


@pytest.fixture
def ring(database: Database, clock: Clock) -> KeyRing:
    return KeyRing(database, secret=SECRET, clock=clock)


def issue(changes: KeyChanges, **other: Any) -> Issued:
    wish = {"tenant": "a", "identity": "alice", "models": ("m",), "lifetime_s": 100.0} | other
    return changes.issue(**wish)


def test_a_key_stands_for_its_caller(changes: KeyChanges, ring: KeyRing, clock: Clock) -> None:
    issued = issue(changes)
    assert ring.identify(issued.key.text, clock.now_s) is None  # not seen yet
    assert ring.refresh()
    assert ring.identify(issued.key.text, clock.now_s) == Caller(
        tenant="a", identity="alice", token=issued.key.key_id, models=frozenset({"m"})
    )


def test_other_texts_stand_for_nobody(changes: KeyChanges, ring: KeyRing, clock: Clock) -> None:
    key = issue(changes).key.text
    ring.refresh()
    other = issue(changes, identity="bob").key.text  # not yet read
    for text in (
        "", key[:-1], key + "0", key.swapcase(), " " + key, key[:-1] + "\u00e9", "é" * 65,
        "\ud800" * 65, other, key[:16] + other[16:], EXAMPLE_KEY,
    ):  # fmt: skip
        assert ring.identify(text, clock.now_s) is None, text


def test_a_key_hashed_under_another_pepper_is_nobodys(
    database: Database, changes: KeyChanges, clock: Clock
) -> None:
    key = issue(changes).key.text
    stolen = KeyRing(database, secret=OTHER, clock=clock)
    assert stolen.identify(key, clock.now_s) is None


def test_a_key_ends_at_its_expiry_without_a_reading(
    changes: KeyChanges, ring: KeyRing, clock: Clock
) -> None:
    key = issue(changes, lifetime_s=30.0).key.text
    ring.refresh()
    assert ring.identify(key, clock.now_s + 29.9) is not None
    assert ring.identify(key, clock.now_s + 30) is None


def test_changes_take_effect_at_the_next_reading(
    changes: KeyChanges, ring: KeyRing, clock: Clock
) -> None:
    one, two = issue(changes), issue(changes)
    ring.refresh()
    changes.revoke(one.record.key_id)
    new = changes.rotate(two.record.key_id, grace_s=10)
    assert ring.identify(one.key.text, clock.now_s) is not None
    assert ring.refresh()
    assert ring.identify(one.key.text, clock.now_s) is None
    assert ring.identify(two.key.text, clock.now_s) is not None
    assert ring.identify(new.key.text, clock.now_s) is not None
    assert ring.identify(two.key.text, clock.now_s + 10) is None
    changes.expire(new.record.key_id, at_s=clock.now_s)
    assert ring.refresh()
    assert ring.identify(new.key.text, clock.now_s) is None
    assert not ring.refresh()


def test_a_store_that_did_not_change_is_not_read_again(ring: KeyRing) -> None:
    assert not ring.refresh()


def test_changes_of_another_process_are_seen(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "keys.sqlite"
    mine, others = SqliteKeys(path), SqliteKeys(path)
    ring = KeyRing(mine, secret=SECRET, clock=clock)
    changes = KeyChanges(others, secret=SECRET, clock=clock, draw=secrets.token_bytes)
    key = issue(changes).key
    assert ring.refresh()
    assert ring.identify(key.text, clock.now_s) is not None
    changes.revoke(key.key_id)
    assert ring.refresh()
    assert ring.identify(key.text, clock.now_s) is None
    mine.close()
    others.close()


def test_a_second_look_within_a_process_costs_the_first_nothing(
    tmp_path: Path, clock: Clock
) -> None:
    first, second = (SqliteKeys(tmp_path / "keys.sqlite") for _ in range(2))
    rings = [KeyRing(one, secret=SECRET, clock=clock) for one in (first, second)]
    code = (
        "import secrets, sys, pathlib; from reticent.guard.identity.key_sqlite import SqliteKeys; "
        "from reticent.guard.identity.key_changes import KeyChanges; "
        "changes = KeyChanges(SqliteKeys(pathlib.Path(sys.argv[1])), "
        "secret=bytes.fromhex(sys.argv[2]), clock=lambda: 1e6, draw=secrets.token_bytes); "
        "print(changes.issue(tenant='a', identity='b', models=('m',), lifetime_s=9.0).key.text); "
        "changes.close()"
    )
    for _ in range(2):  # the one who leaves last deletes SQLite's write-ahead log
        key = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "keys.sqlite"), SECRET.hex()],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for ring in rings:
            assert ring.refresh()
            assert ring.identify(key, clock.now_s) is not None
    first.close()
    second.close()


def test_a_store_put_in_the_place_of_another_is_seen(tmp_path: Path, clock: Clock) -> None:
    path, backup = tmp_path / "keys.sqlite", tmp_path / "backup.sqlite"
    restored = SqliteKeys(backup)
    key = issue(KeyChanges(restored, secret=SECRET, clock=clock, draw=secrets.token_bytes)).key
    restored.close()
    database = SqliteKeys(path)
    ring = KeyRing(database, secret=SECRET, clock=clock)
    for old in tmp_path.glob("keys.sqlite-*"):
        old.unlink()
    backup.replace(path)
    assert ring.refresh()
    assert ring.identify(key.text, clock.now_s) is not None
    ring.close()


def test_while_revocations_cannot_be_seen_keys_last_a_minute(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "keys.sqlite"
    database = SqliteKeys(path)
    ring = KeyRing(database, secret=SECRET, clock=clock)
    changes = KeyChanges(database, secret=SECRET, clock=clock, draw=secrets.token_bytes)
    key = issue(changes, lifetime_s=None).key.text
    ring.refresh()
    moved = path.rename(tmp_path / "moved.sqlite")
    clock.now_s += 1
    with pytest.raises(OSError, match=r"keys\.sqlite"):
        ring.refresh()
    assert ring.identify(key, clock.now_s - 1 + UNSEEN_S) is not None
    assert ring.identify(key, clock.now_s - 1 + UNSEEN_S + 0.1) is None
    moved.rename(path)
    ring.refresh()
    assert ring.identify(key, clock.now_s + UNSEEN_S) is not None
    ring.close()
    assert ring.identify(key, clock.now_s) is None


def test_while_postgresql_is_away_keys_last_a_minute_and_it_is_found_again(clock: Clock) -> None:
    server = new_postgres()
    try:
        database = PostgresKeys(server.dsn)
        ring = KeyRing(database, secret=SECRET, clock=clock)
        changes = KeyChanges(database, secret=SECRET, clock=clock, draw=secrets.token_bytes)
        issued = issue(changes, lifetime_s=None)
        ring.refresh()
        server.kill()
        clock.now_s += 30
        for _ in range(2):
            with pytest.raises(psycopg.OperationalError):
                ring.refresh()
        assert ring.identify(issued.key.text, clock.now_s + 30) is not None
        assert ring.identify(issued.key.text, clock.now_s + 30.1) is None
        with pytest.raises(psycopg.OperationalError):
            changes.revoke(issued.record.key_id)
        server.start()
        clock.now_s += 100
        assert not ring.refresh()  # nothing of the failed change is there
        assert ring.identify(issued.key.text, clock.now_s) is not None
        changes.revoke(issued.record.key_id)
        assert ring.refresh()
        assert ring.identify(issued.key.text, clock.now_s) is None
        ring.close()
    finally:
        server.remove()


def test_the_key_of_the_documentation_is_never_taken(
    database: Database, ring: KeyRing, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with database.writing() as execute:
        table = KeyTable(execute)
        table.add(
            KeyRecord(
                key_id="examplekeyaa",
                hash=keyed_hash(pepper(SECRET), EXAMPLE_KEY),
                tenant="a",
                identity="mallory",
                models=("*",),
                created_s=0.0,
            )
        )
        table.note(Entry(time_s=0.0, kind="key"))
    assert ring.refresh()
    assert ring.identify(EXAMPLE_KEY, clock.now_s) is None
    assert "example key" in caplog.text


class Kept:
    """A journal in a list, which can be out of order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.is_down = False

    async def append(self, entry: Entry, *, durable: bool) -> None:
        if self.is_down:
            raise JournalDown
        assert durable
        self.entries.append(entry)

    async def close(self) -> None:
        pass


def test_every_change_is_journalled_once_and_in_order(
    changes: KeyChanges, ring: KeyRing, clock: Clock
) -> None:
    issued = issue(changes)
    expected = [
        issued.entry,
        changes.rotate(issued.record.key_id, grace_s=5).entry,
        changes.expire(issued.record.key_id, at_s=clock.now_s + 1),
        changes.revoke(issued.record.key_id),
    ]
    journal = Kept()
    assert asyncio.run(ring.journal(journal)) == 4
    assert journal.entries == expected
    assert [e.detail["change"] for e in journal.entries] == [1, 2, 3, 4]
    clock.now_s += 2 * CLAIM_S
    assert asyncio.run(ring.journal(journal)) == 0


def test_of_two_guards_one_journals_a_change(
    database: Database, changes: KeyChanges, clock: Clock
) -> None:
    issue(changes)
    one, other = (KeyRing(database, secret=SECRET, clock=clock) for _ in range(2))
    journal = Kept()
    asyncio.run(one.journal(journal))
    asyncio.run(other.journal(journal))
    assert len(journal.entries) == 1


def test_a_change_waits_for_a_journal_that_is_down(
    changes: KeyChanges, ring: KeyRing, clock: Clock
) -> None:
    issue(changes)
    journal = Kept()
    journal.is_down = True
    with pytest.raises(JournalDown):
        asyncio.run(ring.journal(journal))
    journal.is_down = False
    assert asyncio.run(ring.journal(journal)) == 0  # still claimed
    clock.now_s += CLAIM_S
    assert asyncio.run(ring.journal(journal)) == 1
    assert len(journal.entries) == 1
