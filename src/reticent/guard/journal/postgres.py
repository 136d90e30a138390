"""The journal of several replicas in PostgreSQL: each replica writes a chain of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, final

import psycopg
from psycopg.abc import PQGen

from reticent.core import BadInput
from reticent.guard.journal.chain import Head, Row
from reticent.guard.journal.checkpoint import Checkpoint
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.store import KEEPER, StoreAway
from reticent.guard.journal.writer import ChainedJournal

T = TypeVar("T")

_PAGE_ROWS = 2_000
_PATIENCE_S = 5.0
_SCRUB_PATIENCE_S = 24 * 3600.0
_LOCK_PATIENCE_MS = 2_000
_TABLES = """
    CREATE TABLE IF NOT EXISTS reticent_rows (
        chain text NOT NULL, sequence bigint NOT NULL, payload bytea NOT NULL,
        salt bytea NOT NULL, commitment bytea NOT NULL, link bytea NOT NULL,
        erased boolean NOT NULL, PRIMARY KEY (chain, sequence)
    );
    CREATE TABLE IF NOT EXISTS reticent_checkpoints (
        chain text NOT NULL, number bigint NOT NULL, line bytea NOT NULL,
        PRIMARY KEY (chain, number)
    );
"""
_CHAINS = """
    WITH RECURSIVE names AS (
        (SELECT chain FROM reticent_rows ORDER BY chain LIMIT 1)
        UNION ALL
        SELECT (SELECT r.chain FROM reticent_rows r WHERE r.chain > names.chain
                ORDER BY r.chain LIMIT 1)
        FROM names WHERE names.chain IS NOT NULL
    )
    SELECT chain FROM names WHERE chain IS NOT NULL
    UNION SELECT DISTINCT chain FROM reticent_checkpoints
"""
_INSERT = """
    INSERT INTO reticent_rows (chain, sequence, payload, salt, commitment, link, erased)
    SELECT %s, row.*, false FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[], %b::bytea[],
                                        %b::bytea[]) AS row
"""
_SIGN = "INSERT INTO reticent_checkpoints (chain, number, line) VALUES (%s, %s, %b)"
_ERASE = """
    UPDATE reticent_rows SET payload = '', salt = '', erased = true
    FROM unnest(%s::bigint[], %s::bigint[]) AS gone (first, last)
    WHERE chain = %s AND sequence BETWEEN gone.first AND gone.last AND NOT erased
"""


class _Impatient(psycopg.Connection[tuple[Any, ...]]):
    """A connection that takes a server which says nothing for one that is away."""

    patience_s = _PATIENCE_S

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return psycopg.Connection.wait(self, gen, interval, timeout or self.patience_s)
        except psycopg.OperationalError:
            self.pgconn.finish()  # whatever was under way: this connection is not used again
            raise


@final
class PostgresStore:
    """Rows of all replicas' chains in two tables; see `Store`.

    A chain is locked by an advisory lock of the session, so between here and the server there
    must be no pool that shares sessions. Erased text leaves the tables for good with `compact`
    (VACUUM FULL); the server's write-ahead log, its archive and backups are the server's affair.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: _Impatient | None = None

    def open(self, chain: str) -> Head | None:
        with self._away():
            connection = self._connected()
            self._prepare(connection)
            connection.execute(f"SET lock_timeout = {_LOCK_PATIENCE_MS}")
            try:
                connection.execute(
                    "SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"reticent {chain}",)
                )
            except psycopg.errors.LockNotAvailable as error:
                raise BadInput(
                    f"Another process is writing the journal's chain {chain!r}.",
                    way_out="Stop that one first, or give this replica a state folder of its own.",
                ) from error
            last = connection.execute(
                "SELECT sequence, link FROM reticent_rows WHERE chain = %s "
                "ORDER BY sequence DESC LIMIT 1",
                (chain,),
                binary=True,
            ).fetchone()
        return Head(int(last[0]), bytes(last[1])) if last else None

    def write(
        self, chain: str, rows: Sequence[Row], checkpoint: Checkpoint | None, *, durable: bool
    ) -> None:
        with self._away(), self._writing().transaction():
            if not durable:
                self._writing().execute("SET LOCAL synchronous_commit = off")
            self._insert(chain, rows, checkpoint)

    def erase(
        self, pairs: Mapping[str, Sequence[Sequence[int]]], row: Row, checkpoint: Checkpoint
    ) -> None:
        with self._away(), self._writing().transaction():
            for chain, ranges in pairs.items():
                firsts, lasts = [pair[0] for pair in ranges], [pair[1] for pair in ranges]
                self._writing().execute(_ERASE, (firsts, lasts, chain))
            self._insert(KEEPER, [row], checkpoint)

    def scrub(self, *, compact: bool) -> bool:
        with self._away():
            connection = self._writing()
            connection.patience_s = _SCRUB_PATIENCE_S
            try:
                connection.execute("SET lock_timeout = 0")
                connection.execute(f"VACUUM {'(FULL)' if compact else ''} reticent_rows")
            finally:
                connection.patience_s = _PATIENCE_S
        return compact

    def chains(self) -> list[str]:
        with self._away():
            names = [row[0] for row in self._reading().execute(_CHAINS).fetchall()]
        return sorted(names, key=lambda name: (name == KEEPER, name))

    def rows(self, chain: str, after: int = 0) -> Iterator[Row]:
        asked = (
            "SELECT sequence, payload, salt, commitment, link, erased FROM reticent_rows "
            f"WHERE chain = %s AND sequence > %s ORDER BY sequence LIMIT {_PAGE_ROWS}"
        )
        while True:
            with self._away():
                page = self._reading().execute(asked, (chain, after), binary=True).fetchall()
            yield from map(Row._make, page)
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1][0]

    def checkpoints(self, chain: str) -> Iterator[bytes]:
        after = 0
        asked = (
            "SELECT number, line FROM reticent_checkpoints WHERE chain = %s AND number > %s "
            f"ORDER BY number LIMIT {_PAGE_ROWS}"
        )
        while True:
            with self._away():
                page = self._reading().execute(asked, (chain, after), binary=True).fetchall()
            yield from (bytes(line) for _, line in page)
            if len(page) < _PAGE_ROWS:
                return
            after = page[-1][0]

    def last_checkpoint(self, chain: str) -> bytes:
        with self._away():
            last = (
                self._reading()
                .execute(
                    "SELECT line FROM reticent_checkpoints WHERE chain = %s "
                    "ORDER BY number DESC LIMIT 1",
                    (chain,),
                    binary=True,
                )
                .fetchone()
            )
        return bytes(last[0]) if last else b""

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                connection.close()

    @contextmanager
    def _away(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, OSError) as error:
            said = str(error).strip().split("\n", 1)[0] or type(error).__name__
            raise StoreAway(f"PostgreSQL: {said}") from error

    def _connected(self) -> _Impatient:
        if self._connection is None:
            self._connection = _Impatient.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=3,
                tcp_user_timeout=int(_PATIENCE_S * 1000),
                application_name="reticent-guard",
                options="-c synchronous_commit=on",
            )
        return self._connection

    def _prepare(self, connection: _Impatient) -> None:
        if connection.execute("SELECT to_regclass('reticent_checkpoints')").fetchone() == (None,):
            with connection.transaction():  # replicas that start together take turns
                connection.execute("SELECT pg_advisory_xact_lock(7234197234)")
                connection.execute(_TABLES)

    def _reading(self) -> _Impatient:
        if self._connection is None:
            connection = self._connected()
            asked = "SELECT to_regclass('reticent_rows')"
            if connection.execute(asked).fetchone() == (None,):
                raise BadInput("The PostgreSQL database holds no journal.")
        return self._connected()

    def _writing(self) -> _Impatient:
        if self._connection is None:
            raise StoreAway("PostgreSQL: not connected")
        return self._connection

    def _insert(self, chain: str, rows: Sequence[Row], checkpoint: Checkpoint | None) -> None:
        connection = self._writing()
        if rows:
            sequences, payloads, salts, commitments, links, _ = zip(*rows, strict=True)
            columns = (list(sequences), list(payloads), list(salts), list(commitments), list(links))
            connection.execute(_INSERT, (chain, *columns))
        if checkpoint is not None:
            connection.execute(_SIGN, (chain, checkpoint.number, checkpoint.line()))


def postgres_journal(
    dsn: str, keys: JournalKeys, chain: str, *, clock: Callable[[], float], **settings: Any
) -> ChainedJournal:
    """Open one replica's journal; see `ChainedJournal` for settings and errors."""
    return ChainedJournal(PostgresStore(dsn), keys, chain, clock=clock, **settings)
