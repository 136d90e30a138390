"""Keys, entries, a clock and a journal file for the tests."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from reticent.guard.journal.keys import JournalKeys, journal_keys
from reticent.guard.types import Entry

from .postgres_server import PostgresServer, new_postgres

SECRET = bytes(range(32))


@pytest.fixture(scope="session")
def keys() -> JournalKeys:
    return journal_keys(SECRET)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def clock() -> Callable[[], float]:
    """Return a clock that goes on by a millisecond whenever it is read."""
    return itertools.count(1_700_000_000.0, 0.001).__next__


def entry(i: int, identity: str = "ann", **other: object) -> Entry:
    told = {"kind": "query", "model": "m", "rows": 1, "outcome": "answered", "status": 200} | other
    return Entry(time_s=1_700_000_000.0 + i, identity=identity, **told)  # type: ignore[arg-type]  # a test's own


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[PostgresServer]:
    server = new_postgres()
    yield server
    server.remove()


@pytest.fixture
def postgres(running_postgres: PostgresServer) -> PostgresServer:
    """Return a running PostgreSQL with an empty database."""
    running_postgres.thaw()
    if running_postgres.process is None:
        running_postgres.start()
    with psycopg.connect(running_postgres.dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return running_postgres
