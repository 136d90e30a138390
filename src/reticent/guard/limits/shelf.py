"""A durable table of texts by key, written by one thread of its own."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from reticent.core import BadInput

_TABLE = """
CREATE TABLE IF NOT EXISTS kept (
    key TEXT PRIMARY KEY, keep_until_us REAL NOT NULL, text TEXT NOT NULL
) WITHOUT ROWID
"""
_CHUNK = 500
_LOCK_TIMEOUT_S = 0.5

_T = TypeVar("_T")


class Shelf:
    """Texts by key in SQLite (WAL, synchronous FULL), each until a given time.

    What `put` has returned from survives `kill -9` and a power cut. Calls run one after the other
    in the shelf's own thread; those that wait at the same moment share one commit.

    Args:
        path: the file, for this process alone; None keeps all in memory.

    Raises: BadInput if the file cannot be opened, or another process has it open.
    """

    def __init__(self, path: Path | None) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reticent-limits")
        self._waiting: list[tuple[str, float, str]] = []
        self._written: asyncio.Future[None] | None = None
        try:
            self._thread.submit(self._open, path).result()
        except (sqlite3.Error, OSError) as error:
            self._thread.shutdown()
            raise BadInput(
                f"{path} cannot be opened as the file of limits ({error}).",
                way_out="One guard at a time may use a state folder; check rights and disk too.",
            ) from error

    def _open(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite's files beside it, too
        self._base = sqlite3.connect(
            ":memory:" if path is None else path, timeout=_LOCK_TIMEOUT_S, isolation_level=None
        )
        try:
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute("BEGIN EXCLUSIVE")
            self._base.execute(_TABLE)
            self._base.execute("COMMIT")
        except sqlite3.Error:
            self._base.close()
            raise

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def get(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the texts that there are, with all that `put` was given before."""
        if self._written is not None:
            await asyncio.wait([self._written])

        def read() -> dict[str, str]:
            marks = ",".join("?" * len(keys))
            return dict(
                self._base.execute(f"SELECT key, text FROM kept WHERE key IN ({marks})", keys)
            )

        return await self._run(read)

    async def put(self, rows: Iterable[tuple[str, float, str]]) -> None:
        """Keep (key, until when in microseconds, text); on disk when this returns.

        Raises: sqlite3.Error, for instance if the disk is full; nothing is kept then.
        """
        self._waiting.extend(rows)
        if self._written is None:
            self._written = asyncio.ensure_future(self._write())
        await asyncio.shield(self._written)

    async def _write(self) -> None:
        await asyncio.sleep(0)
        rows, self._waiting = self._waiting, []
        self._written = None  # rows that come from here on wait for the next commit

        def write() -> None:
            with self._base:
                self._base.execute("BEGIN")
                self._base.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)

        await self._run(write)

    async def forget_before(self, now_us: float) -> None:
        """Drop what need not be kept any more."""

        def drop() -> None:
            with self._base:
                self._base.execute("DELETE FROM kept WHERE keep_until_us < ?", (now_us,))

        await self._run(drop)

    async def drop(self, keys: Iterable[str]) -> None:
        """Drop these keys."""
        gone = [(key,) for key in keys]

        def drop() -> None:
            with self._base:
                self._base.execute("BEGIN")
                self._base.executemany("DELETE FROM kept WHERE key = ?", gone)

        await self._run(drop)

    async def chunk(self, after: str) -> Mapping[str, str]:
        """Return up to 500 texts by key, of keys behind `after`, in order."""

        def read() -> dict[str, str]:
            return dict(
                self._base.execute(
                    "SELECT key, text FROM kept WHERE key > ? ORDER BY key LIMIT ?",
                    (after, _CHUNK),
                )
            )

        return await self._run(read)

    async def close(self) -> None:
        """Close the file."""
        await self._run(self._base.close)
        self._thread.shutdown()
