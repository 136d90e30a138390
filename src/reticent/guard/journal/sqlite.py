"""The journal in one SQLite file (WAL), next to the guard."""

import os
import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, final

from reticent.core import BadInput
from reticent.guard.journal.chain import Head, Row
from reticent.guard.journal.checkpoint import Checkpoint
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.store import KEEPER, StoreAway
from reticent.guard.journal.writer import ChainedJournal

GUARD = "guard"
_CHAINS = (GUARD, KEEPER)
_APPLICATION_ID = 0x5265746A  # "Retj"
_PAGE_ROWS = 2_000
_PATIENCE_MS = 3_000
_PAGE_BYTES = 8_192
_LOG_PAGES = 8_000  # 64 MiB: folding it in stops the writer, and costs less when done less often
#: Rows that a statement has room for. SQLite keeps about 1 KB a row for as long as a statement may
#: be used again, so there are few of them, and what is left of their room stays empty.
_ROOMS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_ROWS_AT_ONCE = _ROOMS[-1]  # in one statement: fewer turns with the interpreter's lock
_COLUMNS = "sequence, payload, salt, commitment, link, erased"
_NO_ROW: tuple[None, ...] = (None,) * 6
_TABLES = "".join(
    f"""
    CREATE TABLE IF NOT EXISTS {chain}_rows (
        sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL, salt BLOB NOT NULL,
        commitment BLOB NOT NULL, link BLOB NOT NULL, erased INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS {chain}_checkpoints (
        number INTEGER PRIMARY KEY, line BLOB NOT NULL
    );"""
    for chain in _CHAINS
)


@final
class SqliteStore:
    """Rows of two chains, the guard's and the keeper's, in one file; see `Store`.

    Each chain has one table and grows at its end only, and an erased text is overwritten in its
    place by as many zero bytes, so rows need not move; what SQLite itself frees, it overwrites
    too (secure_delete). Once the write-ahead log is folded in and emptied (`scrub`), the file
    holds the text no more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._lock: sqlite3.Connection | None = None
        self._synchronous: bool | None = None  # whether commits wait for the disk; None: not said

    def open(self, chain: str) -> Head | None:
        if chain not in _CHAINS:
            raise BadInput(f"A journal file has the chains {', '.join(_CHAINS)}; not {chain!r}.")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StoreAway(f"{self._path}: {error.strerror}") from error
        self._take_hold(chain)
        with self._away():
            self._connection = connection = _connected(self._path, "rw")
            self._synchronous = None
            _check(connection, self._path)
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_size_limit = 0")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            if not connection.execute("PRAGMA application_id").fetchone()[0]:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id = {_APPLICATION_ID}; COMMIT;"
                )
            last = connection.execute(
                f"SELECT sequence, link FROM {chain}_rows ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
        return Head(last[0], _bytes(last[1])) if last else None

    def write(
        self, chain: str, rows: Sequence[Row], checkpoint: Checkpoint | None, *, durable: bool
    ) -> None:
        if checkpoint is None and 0 < len(rows) <= _ROWS_AT_ONCE:
            with self._away():  # one statement is a transaction of its own
                connection = self._writing()
                self._synchronize(connection, durable=durable)
                connection.execute(*_inserting(chain, rows))
            return
        with self._transaction(durable=durable) as connection:
            _insert(connection, chain, rows, checkpoint)

    def erase(
        self, pairs: Mapping[str, Sequence[Sequence[int]]], row: Row, checkpoint: Checkpoint
    ) -> None:
        with self._transaction(durable=True) as connection:
            for chain, ranges in pairs.items():
                # As long as before: SQLite then overwrites it in its place.
                connection.executemany(
                    f"UPDATE {_known(chain)}_rows SET payload = zeroblob(length(payload)), "
                    "salt = zeroblob(length(salt)), erased = 1 "
                    "WHERE sequence BETWEEN ? AND ? AND erased = 0",
                    ranges,
                )
            _insert(connection, KEEPER, [row], checkpoint)

    def scrub(self, *, compact: bool) -> bool:
        with self._away():
            connection = self._writing()
            if compact:
                # Rows now move between pages, and might leave copies of others' texts behind until
                # all pages are written anew; `user_version` remembers that over a crash.
                connection.executescript(
                    "BEGIN IMMEDIATE; PRAGMA user_version = 1;"
                    + "".join(
                        f"UPDATE {chain}_rows SET payload = x'', salt = x'' WHERE erased = 1;"
                        for chain in _CHAINS
                    )
                    + "COMMIT;"
                )
            if connection.execute("PRAGMA user_version").fetchone()[0]:
                connection.execute("VACUUM")
                connection.execute("PRAGMA user_version = 0")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def chains(self) -> list[str]:
        with self._away():
            return [chain for chain in _CHAINS if self._has(f"{chain}_rows")]

    def rows(self, chain: str, after: int = 0) -> Iterator[Row]:
        asked = (
            f"SELECT {_COLUMNS} FROM {_known(chain)}_rows WHERE sequence > ? "
            f"ORDER BY sequence LIMIT {_PAGE_ROWS}"
        )
        while True:  # in pages: a long look would keep the write-ahead log from being emptied
            with self._away():
                page = self._reading().execute(asked, (after,)).fetchall()
            for sequence, payload, salt, commitment, link, erased in page:
                yield Row(
                    sequence,
                    _bytes(payload),
                    _bytes(salt),
                    _bytes(commitment),
                    _bytes(link),
                    bool(erased),
                )
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1][0]

    def checkpoints(self, chain: str) -> Iterator[bytes]:
        after = 0
        asked = (
            f"SELECT number, line FROM {_known(chain)}_checkpoints WHERE number > ? "
            f"ORDER BY number LIMIT {_PAGE_ROWS}"
        )
        while True:
            with self._away():
                page = self._reading().execute(asked, (after,)).fetchall()
            yield from (_bytes(line) for _, line in page)
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1][0]

    def last_checkpoint(self, chain: str) -> bytes:
        with self._away():
            asked = f"SELECT line FROM {_known(chain)}_checkpoints ORDER BY number DESC LIMIT 1"
            last = self._reading().execute(asked).fetchone()
        return _bytes(last[0]) if last else b""

    def close(self) -> None:
        for connection in (self._reader, self._connection, self._lock):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._reader = self._connection = self._lock = None

    def _take_hold(self, chain: str) -> None:
        """Lock the chain for this process; the lock goes when the process does, however it ends."""
        place = self._path.with_name(f"{self._path.name}.{chain}.lock")
        self._lock = None
        try:
            lock = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StoreAway(f"{place}: {error}") from error
        try:
            lock.execute("PRAGMA journal_mode = MEMORY")  # no file beside the lock
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lock.close()
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
                raise BadInput(
                    f"{self._path}: another process is writing its chain {chain!r}.",
                    way_out="Stop that one first, or give this guard a state folder of its own.",
                ) from error
            raise StoreAway(f"{place}: {error}") from error
        self._lock = lock

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        with self._away():
            connection = self._writing()
            self._synchronize(connection, durable=durable)
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def _synchronize(self, connection: sqlite3.Connection, *, durable: bool) -> None:
        if self._synchronous is not durable:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._synchronous = durable

    @contextmanager
    def _away(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreAway(f"{self._path}: {error}") from error

    def _writing(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreAway(f"{self._path} is not open")
        return self._connection

    def _reading(self) -> sqlite3.Connection:
        """Return a connection to read by: the writer's own, where there is one."""
        if self._connection is not None:
            return self._connection
        if self._reader is None:
            if not self._path.is_file():
                raise BadInput(f"{self._path}: there is no journal.")
            try:
                self._reader = _connected(self._path, "rw")
                _check(self._reader, self._path)
            except sqlite3.OperationalError:  # a folder that cannot be written
                self._reader = _connected(self._path, "ro")
                _check(self._reader, self._path)
            self._reader.execute("PRAGMA query_only = ON")
        return self._reader

    def _has(self, table: str) -> bool:
        asked = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self._reading().execute(asked, (table,)).fetchone() is not None


def sqlite_journal(
    path: Path, keys: JournalKeys, *, clock: Callable[[], float], **settings: Any
) -> ChainedJournal:
    """Open the guard's journal in a file; see `ChainedJournal` for settings and errors."""
    return ChainedJournal(SqliteStore(path), keys, GUARD, clock=clock, **settings)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_PATIENCE_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise BadInput if a file is something else than a journal, or new."""
    try:
        ours = connection.execute("PRAGMA application_id").fetchone()[0]
        empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise BadInput(f"{path} is no journal ({error}).") from error
    if ours != _APPLICATION_ID and not (empty and not ours):
        raise BadInput(f"{path} is a database of something else.")


def _insert(
    connection: sqlite3.Connection, chain: str, rows: Sequence[Row], checkpoint: Checkpoint | None
) -> None:
    # Every statement lets go of the interpreter's lock, and the event loop may take long to give it
    # back; so as few of them as can be, however few the rows.
    for i in range(0, len(rows), _ROWS_AT_ONCE):
        connection.execute(*_inserting(chain, rows[i : i + _ROWS_AT_ONCE]))
    if checkpoint is not None:
        connection.execute(
            f"INSERT INTO {chain}_checkpoints VALUES (?, ?)",
            (checkpoint.number, checkpoint.line()),
        )


def _inserting(chain: str, rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """Return a statement with room for these rows, and what to put into it."""
    room = _ROOMS[bisect_left(_ROOMS, len(rows))]
    return _statement(chain, room), [*_cells(rows), *_NO_ROW * (room - len(rows))]


@lru_cache(maxsize=len(_CHAINS) * len(_ROOMS))
def _statement(chain: str, room: int) -> str:
    places = ", ".join(["(?, ?, ?, ?, ?, ?)"] * room)
    return (
        f"INSERT INTO {_known(chain)}_rows SELECT * FROM (VALUES {places}) "
        "WHERE column1 IS NOT NULL"
    )


def _cells(rows: Sequence[Row]) -> list[Any]:
    """Return the cells of rows, one row after the other, in types that sqlite3 takes at once.

    For every value that is not exactly an int, a float, a str or a bytearray it looks for an
    adapter, in vain, which takes longer than the value does.
    """
    cells: list[Any] = []
    for sequence, payload, salt, commitment, link, erased in rows:
        cells += (
            sequence,
            bytearray(payload),
            bytearray(salt),
            bytearray(commitment),
            bytearray(link),
            int(erased),
        )
    return cells


def _known(chain: str) -> str:
    if chain not in _CHAINS:
        raise BadInput(f"A journal file has the chains {', '.join(_CHAINS)}; not {chain!r}.")
    return chain


def _bytes(value: object) -> bytes:
    """Return a cell as it should be, whatever somebody has put there instead."""
    if isinstance(value, bytes):
        return value
    return b"" if value is None else str(value).encode("utf-8", "surrogatepass")
