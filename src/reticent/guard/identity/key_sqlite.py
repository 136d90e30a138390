"""API keys in an SQLite file of the state folder: for one node."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, final

from reticent.core import BadInput
from reticent.guard.identity.key_store import TABLES, Execute

FILE = "keys.sqlite"
BUSY_S = 5.0


@final
class SqliteKeys:
    """A file that several processes of one machine can change; the guard reads on.

    Args:
        path: the file; made, readable by its owner alone, if it is not there.

    Raises: BadInput if the file is no such database, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._connection, self._inode = self._opened()

    @contextmanager
    def reading(self) -> Iterator[Execute]:
        with self._lock, self._transaction("BEGIN") as execute:
            yield execute

    @contextmanager
    def writing(self) -> Iterator[Execute]:
        with self._lock, self._transaction("BEGIN IMMEDIATE") as execute:
            yield execute

    def version(self) -> object:
        with self._lock:
            # data_version does not see our own writes, which the count of changes does; nor that
            # another file was put in this one's place, which is then opened.
            inode = self._path.stat().st_ino
            if inode != self._inode:
                self._connection.close()
                self._connection, self._inode = self._opened()
            return (
                inode,
                self._connection.execute("PRAGMA data_version").fetchone()[0],
                self._connection.total_changes,
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _opened(self) -> tuple[sqlite3.Connection, int]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._path.exists():
                # Never where it exists: to close a file drops all locks that this process has
                # on it (POSIX), and other processes would take SQLite's files for abandoned.
                with suppress(FileExistsError):
                    os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            connection = sqlite3.connect(
                self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a revocation must survive a crash
            for statement in TABLES:
                connection.execute(statement)
        except (sqlite3.Error, OSError) as error:
            raise BadInput(
                f"{self._path} cannot be used as the store of API keys ({error}).",
                way_out="Check guard.state, and that this user may write there.",
            ) from error
        return connection, self._path.stat().st_ino

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Execute]:
        self._connection.execute(begin)
        try:
            yield self._execute
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _execute(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, tuple(values)).fetchall()
