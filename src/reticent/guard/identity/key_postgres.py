"""API keys in PostgreSQL: for several replicas."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, final

import psycopg

from reticent.core import BadInput
from reticent.guard.identity.key_store import TABLES, Execute

PATIENCE_S = 5
_LOCK = 0x7265746963656E74  # "reticent": no two replicas make tables or write keys at once


@final
class PostgresKeys:
    """Tables beside the journal's, which all replicas read.

    Args:
        url: as in guard.journal.

    Raises: BadInput if the server cannot be reached or does not let us make tables.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        try:
            with self.writing() as execute:
                for statement in TABLES:
                    execute(statement, ())
        except psycopg.Error as error:
            self.close()
            raise BadInput(
                f"PostgreSQL cannot be used as the store of API keys ({_short(error)}).",
                way_out="Check guard.journal, and that its user may create tables.",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Execute]:
        with self._lock, self._transaction() as execute:
            execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", ())
            yield execute

    @contextmanager
    def writing(self) -> Iterator[Execute]:
        with self._lock, self._transaction() as execute:
            execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            yield execute

    def version(self) -> object:
        with self.reading() as execute:
            return execute("SELECT COALESCE(MAX(n), 0) FROM reticent_key_change", ())[0][0]

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=PATIENCE_S,
                application_name="reticent-keys",
                options=f"-c statement_timeout={PATIENCE_S}s",
                tcp_user_timeout=PATIENCE_S * 1000,  # a server that is silent is away
                keepalives_idle=PATIENCE_S,
            )
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[Execute]:
        connection = self._connected()  # this one to the end: another would not be in it

        def execute(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement.replace("?", "%s").encode(), tuple(values))
            return cursor.fetchall() if cursor.description else []

        with connection.transaction():
            yield execute


def _short(error: psycopg.Error) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
