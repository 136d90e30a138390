import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from reticent.config.guard import Guard
from reticent.core import BadInput
from reticent.guard.journal import journal_store, open_journal
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.open import ANCHORS_FILE, JOURNAL_FILE, replica_name
from reticent.guard.journal.verify import verify

from .conftest import SECRET, entry
from .postgres_server import PostgresServer

Clock = Callable[[], float]


def settings(journal: str) -> Guard:
    endpoint = {
        "model": "m",
        "owner": "Test team",
        "protocol": "open-inference",
        "upstream": "http://127.0.0.1:9",
    }
    return Guard.model_validate({"journal": journal, "endpoint": [endpoint]})


def test_a_file_in_the_state_folder(tmp_path: Path, keys: JournalKeys, clock: Clock) -> None:
    state, wanted = tmp_path / "state", settings("sqlite")

    async def use() -> None:
        journal = open_journal(wanted, state, secret=SECRET, clock=clock)
        await journal.append(entry(1), durable=True)
        await journal.close()

    asyncio.run(use())
    assert (state / JOURNAL_FILE).is_file()
    assert (state / ANCHORS_FILE).is_file()
    store = journal_store(wanted, state)
    assert [c.rows for c in verify(store, keys).chains] == [1, 0]
    store.close()


def test_postgres_with_a_chain_for_each_state_folder(
    postgres: PostgresServer, tmp_path: Path, keys: JournalKeys, clock: Clock
) -> None:
    wanted, states = settings(postgres.dsn), [tmp_path / "a", tmp_path / "b"]

    async def use() -> None:
        for _ in range(2):  # the second time, each goes on with its own
            journals = [open_journal(wanted, s, secret=SECRET, clock=clock) for s in states]
            for journal in journals:
                await journal.append(entry(1), durable=True)
            for journal in journals:
                await journal.close()

    asyncio.run(use())
    store = journal_store(wanted, states[0])
    report = verify(store, keys)
    store.close()
    assert not report.problems
    assert [c.chain for c in report.chains] == sorted(replica_name(s) for s in states)
    assert [c.rows for c in report.chains] == [2, 2]


def test_a_replica_keeps_its_name(tmp_path: Path) -> None:
    assert replica_name(tmp_path) == replica_name(tmp_path)
    assert replica_name(tmp_path) != replica_name(tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["replica"]


def test_a_replica_file_with_something_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "replica").write_text("keeper'; DROP TABLE")
    with pytest.raises(BadInput, match="no replica's name"):
        replica_name(tmp_path)


def test_a_short_secret_is_refused(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(BadInput, match="32"):
        open_journal(settings("sqlite"), tmp_path, secret=b"short", clock=clock)
    assert not list(tmp_path.iterdir())
