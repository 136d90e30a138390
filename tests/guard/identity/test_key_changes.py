import hashlib
import os
import secrets
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from guard.identity.clock import Clock

from reticent.core import BadInput
from reticent.guard.identity.key_changes import KeyChanges, is_name
from reticent.guard.identity.key_sqlite import SqliteKeys
from reticent.guard.identity.key_store import Database, KeyRecord, KeyTable
from reticent.guard.identity.key_text import id_of

SECRET = hashlib.sha256(b"a secret").digest()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changes(database: Database, clock: Clock) -> KeyChanges:
    return KeyChanges(database, secret=SECRET, clock=clock, draw=secrets.token_bytes)


def issue(changes: KeyChanges, **other: Any) -> Any:
    wish = {"tenant": "a", "identity": "alice", "models": ("m",), "lifetime_s": 100.0} | other
    return changes.issue(**wish)


def kept(changes: KeyChanges, key_id: str) -> KeyRecord:
    (found,) = (record for record in changes.list() if record.key_id == key_id)
    return found


def test_a_key_is_issued_with_its_terms(changes: KeyChanges) -> None:
    issued = issue(changes, models=("m", "n", "m"))
    (record,) = changes.list()
    assert record == issued.record
    assert record.models == ("m", "n")
    assert record.created_s == 1_000_000
    assert record.expires_s == 1_000_100
    assert record.status(1_000_099) == "active"
    assert record.status(1_000_100) == "expired"
    assert id_of(issued.key.text) == record.key_id


def test_a_key_without_a_lifetime_does_not_expire(changes: KeyChanges) -> None:
    assert issue(changes, lifetime_s=None).record.status(1e15) == "active"


def test_no_byte_of_the_secret_is_on_disk(tmp_path: Path, clock: Clock) -> None:
    database = SqliteKeys(tmp_path / "state" / "keys.sqlite")
    changes = KeyChanges(database, secret=SECRET, clock=clock, draw=secrets.token_bytes)
    issued = issue(changes)
    held = b"".join(p.read_bytes() for p in (tmp_path / "state").iterdir())
    assert issued.key.key_id.encode() in held
    assert issued.key.text.encode() not in held
    assert issued.key.text[16:59].encode() not in held
    assert issued.key.text[16:59] not in repr((issued, changes.list()))
    changes.close()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = SqliteKeys(tmp_path / "state" / "keys.sqlite")
    with database.writing() as execute:
        execute("SELECT 1", ())
    for path in (tmp_path / "state", *(tmp_path / "state").iterdir()):
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path
    database.close()


def test_a_rotated_key_has_a_successor_with_the_same_terms(
    changes: KeyChanges, clock: Clock
) -> None:
    old = issue(changes).record
    clock.now_s += 40
    new = changes.rotate(old.key_id, grace_s=30).record
    assert (new.tenant, new.identity, new.models) == (old.tenant, old.identity, old.models)
    assert new.expires_s == clock.now_s + 100
    ended = kept(changes, old.key_id)
    assert ended.successor == new.key_id
    assert ended.status(clock.now_s + 29.9) == "rotated"
    assert ended.status(clock.now_s + 30) == "expired"


def test_a_grace_does_not_outlast_the_keys_own_expiry(changes: KeyChanges) -> None:
    old = issue(changes).record
    changes.rotate(old.key_id, grace_s=1000)
    assert kept(changes, old.key_id).expires_s == old.expires_s


def test_no_grace_ends_a_key_at_once(changes: KeyChanges, clock: Clock) -> None:
    old = issue(changes, lifetime_s=None).record
    changes.rotate(old.key_id, grace_s=0)
    assert kept(changes, old.key_id).status(clock.now_s) == "expired"


def test_a_revoked_key_stays_revoked(changes: KeyChanges, clock: Clock) -> None:
    key_id = issue(changes).record.key_id
    changes.revoke(key_id)
    assert changes.list()[0].status(0) == "revoked"
    for change in (
        lambda: changes.revoke(key_id),
        lambda: changes.rotate(key_id, grace_s=10),
        lambda: changes.expire(key_id, at_s=clock.now_s + 10),
    ):
        with pytest.raises(BadInput, match="revoked"):
            change()


def test_a_rotated_key_cannot_be_rotated_again_but_revoked(changes: KeyChanges) -> None:
    key_id = issue(changes).record.key_id
    new = changes.rotate(key_id, grace_s=50).record
    with pytest.raises(BadInput, match=new.key_id):
        changes.rotate(key_id, grace_s=50)
    changes.revoke(key_id)
    assert kept(changes, new.key_id).status(1_000_000) == "active"


def test_an_expiry_is_only_brought_forward(changes: KeyChanges) -> None:
    key_id = issue(changes).record.key_id
    changes.expire(key_id, at_s=1_000_050)
    assert changes.list()[0].expires_s == 1_000_050
    with pytest.raises(BadInput, match="put off"):
        changes.expire(key_id, at_s=1_000_051)
    changes.expire(key_id, at_s=1_000_000)
    with pytest.raises(BadInput, match="expired"):
        changes.expire(key_id, at_s=999_999)


@pytest.mark.parametrize("action", ["rotate", "revoke", "expire"])
def test_an_unknown_key_is_refused_without_quoting_it(changes: KeyChanges, action: str) -> None:
    key = issue(changes).key.text  # somebody pastes the whole key, not its id
    more: dict[str, dict[str, Any]] = {"rotate": {"grace_s": 1}, "expire": {"at_s": 1.0}}
    with pytest.raises(BadInput, match="no key") as caught:
        getattr(changes, action)(key, **more.get(action, {}))
    assert key[16:] not in str(caught.value)


@pytest.mark.parametrize(
    "wish",
    [
        {"tenant": ""},
        {"tenant": "a b"},
        {"tenant": "a\n"},
        {"identity": ""},
        {"identity": " alice"},
        {"identity": "al\nice"},
        {"identity": "a" * 501},
        {"identity": "\ud800"},
        {"models": ()},
        {"models": ("",)},
        {"models": ("a/b",)},
        {"lifetime_s": 0.0},
        {"lifetime_s": float("nan")},
        {"lifetime_s": float("inf")},
    ],
)
def test_terms_that_cannot_be_are_refused(changes: KeyChanges, wish: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        issue(changes, **wish)
    assert changes.list() == ()


@pytest.mark.parametrize("grace_s", [-1.0, float("nan"), float("inf")])
def test_a_grace_that_cannot_be_is_refused(changes: KeyChanges, grace_s: float) -> None:
    key_id = issue(changes).record.key_id
    with pytest.raises(BadInput, match="grace"):
        changes.rotate(key_id, grace_s=grace_s)


def test_a_broken_source_of_random_numbers_issues_nothing(database: Database, clock: Clock) -> None:
    changes = KeyChanges(database, secret=SECRET, clock=clock, draw=bytes)
    with pytest.raises(BadInput, match="guessed"):
        issue(changes)
    good = secrets.token_bytes(32)
    repeating = KeyChanges(database, secret=SECRET, clock=clock, draw=lambda n: good[:n])
    issue(repeating)
    with pytest.raises(BadInput, match="second time"):
        issue(repeating)
    assert len(changes.list()) == 1


def test_a_failed_change_leaves_nothing_behind(changes: KeyChanges, database: Database) -> None:
    key_id = issue(changes).record.key_id
    before = changes.list()

    def broken(length: int) -> bytes:
        raise OSError("no entropy")

    torn = KeyChanges(database, secret=SECRET, clock=Clock(), draw=broken)
    with pytest.raises(OSError, match="entropy"):
        torn.rotate(key_id, grace_s=1)
    assert changes.list() == before


def test_a_transaction_that_raises_keeps_nothing(changes: KeyChanges, database: Database) -> None:
    record = issue(changes).record

    def torn() -> None:
        with database.writing() as execute:
            KeyTable(execute).end(replace(record, revoked_s=1.0))
            raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        torn()
    assert changes.list() == (record,)


def test_entries_name_nobody(changes: KeyChanges) -> None:
    issued = issue(changes)
    for entry in (
        issued.entry,
        changes.rotate(issued.record.key_id, grace_s=5).entry,
        changes.revoke(issued.record.key_id),
    ):
        assert entry.kind == "key"
        assert entry.tenant == "a"
        assert "alice" not in repr(entry)
        assert issued.key.text not in repr(entry)
        assert len(entry.identity) == len(entry.token) == 16
    assert issued.entry.outcome == "issue"
    assert issued.entry.detail == {"models": ["m"], "expires_s": 1_000_100.0, "change": 1}


@pytest.mark.parametrize("name", ["alice", "a b", "héloïse", "CN=x,O=y", "🙂"])
def test_a_name_is_one_line(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", " ", "a ", "a\tb", "a\x7f", "\u202e", None, 5, ["a"]])
def test_no_name(name: object) -> None:
    assert not is_name(name)
