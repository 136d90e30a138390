"""Where API keys are kept: one table of keyed hashes, and one of changes to be journalled."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from reticent.guard.types import Caller, Entry

#: Runs one SQL statement ("?" for parameters) and returns its rows.
Execute = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

TABLES = (
    "CREATE TABLE IF NOT EXISTS reticent_key ("
    "id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, "
    "identity TEXT NOT NULL, models TEXT NOT NULL, created_s DOUBLE PRECISION NOT NULL, "
    "expires_s DOUBLE PRECISION, revoked_s DOUBLE PRECISION, successor TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS reticent_key_change ("
    "n BIGINT PRIMARY KEY, entry TEXT NOT NULL, claimed_s DOUBLE PRECISION NOT NULL, "
    "journalled INTEGER NOT NULL)",
)
#: How long a guard has to journal the changes that it took; then another one takes them.
CLAIM_S = 60.0
_COLUMNS = "id, hash, tenant, identity, models, created_s, expires_s, revoked_s, successor"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is kept of one API key; nothing in it lets anybody in.

    Attributes:
        key_id: the public part of the key.
        hash: 32 bytes, HMAC-SHA-256 of the key under a pepper that is not in this store.
        tenant, identity, models: whom the key stands for, and what they were granted.
        created_s: seconds since 1970.
        expires_s: from when it is refused; None for never.
        revoked_s: when it was revoked; None if it was not.
        successor: id of the key that it was rotated to; "" for none.
    """

    key_id: str
    hash: bytes
    tenant: str
    identity: str
    models: tuple[str, ...]
    created_s: float
    expires_s: float | None = None
    revoked_s: float | None = None
    successor: str = ""

    def __repr__(self) -> str:
        return f"KeyRecord(key_id={self.key_id!r}, tenant={self.tenant!r})"

    def status(self, now_s: float) -> str:
        """Return "active", "rotated" (its grace runs), "expired" or "revoked"."""
        if self.revoked_s is not None:
            return "revoked"
        if self.expires_s is not None and now_s >= self.expires_s:
            return "expired"
        return "rotated" if self.successor else "active"

    def caller(self) -> Caller:
        """Return whom the key stands for."""
        return Caller(
            tenant=self.tenant,
            identity=self.identity,
            token=self.key_id,
            models=frozenset(self.models),
        )


class Database(Protocol):
    """A database that holds the two tables; one caller at a time."""

    def reading(self) -> AbstractContextManager[Execute]:
        """Give one consistent view."""
        ...

    def writing(self) -> AbstractContextManager[Execute]:
        """Give the only transaction that writes; kept if it ends well, undone if it raises."""
        ...

    def version(self) -> object:
        """Return what changes whenever anybody changed a key."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class KeyTable:
    """The keys within one transaction."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def get(self, key_id: str) -> KeyRecord | None:
        """Return a key; None if there is none of this id."""
        rows = self._execute(f"SELECT {_COLUMNS} FROM reticent_key WHERE id = ?", (key_id,))
        return _record(rows[0]) if rows else None

    def all(self) -> tuple[KeyRecord, ...]:
        """Return all keys, oldest first."""
        rows = self._execute(f"SELECT {_COLUMNS} FROM reticent_key ORDER BY created_s, id", ())
        return tuple(_record(row) for row in rows)

    def add(self, record: KeyRecord) -> None:
        """Keep a new key."""
        values = (
            record.key_id,
            record.hash.hex(),
            record.tenant,
            record.identity,
            json.dumps(record.models),
            record.created_s,
            record.expires_s,
            record.revoked_s,
            record.successor,
        )
        marks = ", ".join("?" * len(values))
        self._execute(f"INSERT INTO reticent_key ({_COLUMNS}) VALUES ({marks})", values)

    def end(self, record: KeyRecord) -> None:
        """Keep how a key ends: expiry, revocation, successor. The rest of a key never changes."""
        self._execute(
            "UPDATE reticent_key SET expires_s = ?, revoked_s = ?, successor = ? WHERE id = ?",
            (record.expires_s, record.revoked_s, record.successor, record.key_id),
        )

    def note(self, entry: Entry) -> Entry:
        """Keep an entry for the journal, and return it with its number.

        The numbers tell an entry that was journalled twice (after a crash) from two changes.
        """
        row = self._execute("SELECT COALESCE(MAX(n), 0) + 1 FROM reticent_key_change", ())
        number = int(row[0][0])
        numbered = replace(entry, detail={**entry.detail, "change": number})
        self._execute(
            "INSERT INTO reticent_key_change (n, entry, claimed_s, journalled) VALUES (?, ?, 0, 0)",
            (number, json.dumps(asdict(numbered))),
        )
        return numbered

    def claim(self, now_s: float) -> tuple[tuple[int, Entry], ...]:
        """Return what is not yet in the journal, in order, at most 1,000, and keep others off."""
        rows = self._execute(
            "SELECT n, entry FROM reticent_key_change "
            "WHERE journalled = 0 AND claimed_s <= ? ORDER BY n LIMIT 1000",
            (now_s - CLAIM_S,),
        )
        for n, _ in rows:
            self._execute("UPDATE reticent_key_change SET claimed_s = ? WHERE n = ?", (now_s, n))
        return tuple((int(n), _entry(text)) for n, text in rows)

    def journalled(self, number: int) -> None:
        """Say that an entry is in the journal."""
        self._execute("UPDATE reticent_key_change SET journalled = 1 WHERE n = ?", (number,))


def _record(row: tuple[Any, ...]) -> KeyRecord:
    key_id, digest, tenant, identity, models, created_s, expires_s, revoked_s, successor = row
    return KeyRecord(
        key_id=key_id,
        hash=bytes.fromhex(digest),
        tenant=tenant,
        identity=identity,
        models=tuple(json.loads(models)),
        created_s=created_s,
        expires_s=expires_s,
        revoked_s=revoked_s,
        successor=successor,
    )


def _entry(text: str) -> Entry:
    fields = json.loads(text)
    return Entry(**fields | {"fingerprints": ()})
