import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from guard.journal.postgres_server import PostgresServer, new_postgres

from reticent.guard.identity.key_postgres import PostgresKeys
from reticent.guard.identity.key_sqlite import SqliteKeys
from reticent.guard.identity.key_store import Database


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL that runs as long as the tests do."""
    server = new_postgres()
    yield server
    server.remove()


@pytest.fixture
def fresh_postgres(postgres: PostgresServer) -> Iterator[str]:
    """URL of a database of its own in that server."""
    name = f"keys_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"{postgres.dsn.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty store of each kind."""
    kept: Database
    if request.param == "sqlite":
        kept = SqliteKeys(tmp_path / "keys.sqlite")
    else:
        kept = PostgresKeys(request.getfixturevalue("fresh_postgres"))
    yield kept
    kept.close()
