import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from reticent.core import BadInput
from reticent.guard.journal.chain import entry_of
from reticent.guard.journal.checkpoint import anchors
from reticent.guard.journal.keeper import erase
from reticent.guard.journal.keys import JournalKeys, journal_keys
from reticent.guard.journal.postgres import PostgresStore, postgres_journal
from reticent.guard.journal.verify import Verified, verify
from reticent.guard.journal.writer import ChainedJournal
from reticent.guard.types import JournalDown

from .conftest import entry
from .postgres_server import PostgresServer

Clock = Callable[[], float]


def kept(dsn: str, chain: str, kind: str = "query") -> list[float]:
    store = PostgresStore(dsn)
    try:
        entries = [entry_of(row.payload) for row in store.rows(chain)]
        return [e.time_s for e in entries if e.kind == kind]
    finally:
        store.close()


def report(dsn: str, keys: JournalKeys, outside: Path | None = None) -> Verified:
    store = PostgresStore(dsn)
    try:
        return verify(store, keys, anchors=anchors(outside) if outside is not None else ())
    finally:
        store.close()


async def back(journal: ChainedJournal) -> None:
    until_s = time.monotonic() + 20
    while journal.down and time.monotonic() < until_s:
        await asyncio.sleep(0.01)
    assert not journal.down


def test_replicas_write_chains_of_their_own(
    postgres: PostgresServer, keys: JournalKeys, clock: Clock, tmp_path: Path
) -> None:
    async def use() -> None:
        names = ["replica-a", "replica-b"]
        opened = await asyncio.gather(
            *(
                asyncio.to_thread(
                    postgres_journal,
                    postgres.dsn,
                    keys,
                    name,
                    clock=clock,
                    anchors=tmp_path / "anchors.jsonl",
                )
                for name in names
            )
        )
        await asyncio.gather(
            *(j.append(entry(i), durable=i % 3 == 0) for i in range(300) for j in opened)
        )
        for journal in opened:
            await journal.close()

    asyncio.run(use())
    found = report(postgres.dsn, keys, tmp_path / "anchors.jsonl")
    assert not found.problems
    assert [(c.chain, c.rows, c.unsigned) for c in found.chains] == [
        ("replica-a", 300, 0),
        ("replica-b", 300, 0),
    ]
    assert sorted(kept(postgres.dsn, "replica-a")) == [entry(i).time_s for i in range(300)]


def test_a_killed_server_shuts_everybody_out_until_it_is_back(
    postgres: PostgresServer, keys: JournalKeys, clock: Clock
) -> None:
    promised: list[float] = []

    async def use() -> None:
        journal = postgres_journal(postgres.dsn, keys, "replica-a", clock=clock, probe_s=0.02)

        async def one(first: int) -> None:
            for i in range(first, 1_000_000, 8):
                await journal.append(entry(i), durable=True)
                promised.append(entry(i).time_s)

        async def kill() -> None:
            until_s = time.monotonic() + 30
            while len(promised) <= 50 and time.monotonic() < until_s:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(postgres.kill)

        ended = await asyncio.gather(*(one(k) for k in range(8)), kill(), return_exceptions=True)
        assert all(isinstance(e, JournalDown) for e in ended[:8])
        with pytest.raises(JournalDown):
            await journal.append(entry(1), durable=False)
        await asyncio.to_thread(postgres.start)
        await back(journal)
        await journal.append(entry(-1), durable=True)
        await journal.close()

    asyncio.run(use())
    found = kept(postgres.dsn, "replica-a")
    assert len(promised) > 50
    assert set(promised) <= set(found)
    assert len(found) == len(set(found))
    assert len(kept(postgres.dsn, "replica-a", "outage")) == 1
    assert not report(postgres.dsn, keys).problems


@contextmanager
def relay(port: int, *, cut_after_commit: bool) -> Iterator[tuple[int, threading.Event]]:
    """Stand between; once armed, cut the connection when a COMMIT goes by, before or after it.

    After: the server has committed, and its answer never arrives.
    """
    armed, ended = threading.Event(), threading.Event()
    door = socket.create_server(("127.0.0.1", 0))
    door.settimeout(0.05)
    pairs: list[socket.socket] = []

    def inward(client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if armed.is_set() and b"COMMIT" in data:
                    silent.set()
                    if cut_after_commit:
                        server.sendall(data)
                        time.sleep(0.2)
                    armed.clear()
                    break
                server.sendall(data)
        cut(client, server)

    def outward(client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if not silent.is_set():
                    client.sendall(data)
        cut(client, server)

    def cut(*both: socket.socket) -> None:
        for each in both:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        while not ended.is_set():
            try:
                client, _ = door.accept()
            except TimeoutError:
                continue
            server = socket.create_connection(("127.0.0.1", port))
            pairs.extend((client, server))
            silent = threading.Event()
            for way in (inward, outward):
                threading.Thread(target=way, args=(client, server, silent), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield door.getsockname()[1], armed
    finally:
        ended.set()
        thread.join()
        door.close()
        for each in pairs:
            each.close()


@pytest.mark.parametrize("committed", [False, True])
def test_a_connection_lost_during_commit_makes_no_gap_and_no_double(
    postgres: PostgresServer, keys: JournalKeys, clock: Clock, committed: bool
) -> None:
    async def use() -> None:
        with relay(postgres.port, cut_after_commit=committed) as (port, armed):
            dsn = postgres.dsn.replace(f":{postgres.port}", f":{port}")
            journal = postgres_journal(dsn, keys, "replica-a", clock=clock, probe_s=0.02)
            await journal.append(entry(0), durable=True)
            armed.set()
            await journal.append(entry(1), durable=False)
            until_s = time.monotonic() + 10
            while armed.is_set() and time.monotonic() < until_s:
                await asyncio.sleep(0.005)
            until_s = time.monotonic() + 10
            while not journal.down and time.monotonic() < until_s:
                await asyncio.sleep(0.005)
            await back(journal)
            await journal.append(entry(2), durable=True)
            await journal.close()

    asyncio.run(use())
    assert kept(postgres.dsn, "replica-a") == [entry(i).time_s for i in range(3)]
    assert len(kept(postgres.dsn, "replica-a", "outage")) == 1
    assert not report(postgres.dsn, keys).problems


def test_one_process_alone_writes_a_chain(
    postgres: PostgresServer, keys: JournalKeys, clock: Clock
) -> None:
    async def use() -> None:
        journal = postgres_journal(postgres.dsn, keys, "replica-a", clock=clock)
        with pytest.raises(BadInput, match="Another process"):
            await asyncio.to_thread(postgres_journal, postgres.dsn, keys, "replica-a", clock=clock)
        await journal.close()

    asyncio.run(use())


def test_another_secret_is_found_out(
    postgres: PostgresServer, keys: JournalKeys, clock: Clock
) -> None:
    async def use() -> None:
        journal = postgres_journal(postgres.dsn, keys, "replica-a", clock=clock)
        await journal.append(entry(0), durable=True)
        await journal.close()

    asyncio.run(use())
    with pytest.raises(BadInput, match="not written with this secret"):
        postgres_journal(postgres.dsn, journal_keys(b"y" * 32), "replica-a", clock=clock)


def test_a_server_that_is_not_there_is_said_to_be_away(keys: JournalKeys, clock: Clock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dsn = f"postgresql://postgres@127.0.0.1:{unused.getsockname()[1]}/postgres"
        with pytest.raises(JournalDown, match="PostgreSQL"):
            postgres_journal(dsn, keys, "replica-a", clock=clock)


def test_a_database_without_a_journal_is_said_to_have_none(postgres: PostgresServer) -> None:
    store = PostgresStore(postgres.dsn)
    with pytest.raises(BadInput, match="no journal"):
        store.chains()
    store.close()


def test_an_altered_row_is_found(postgres: PostgresServer, keys: JournalKeys, clock: Clock) -> None:
    async def use() -> None:
        journal = postgres_journal(postgres.dsn, keys, "replica-a", clock=clock)
        await asyncio.gather(*(journal.append(entry(i), durable=True) for i in range(9)))
        await journal.close()

    asyncio.run(use())
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute("UPDATE reticent_rows SET payload = 'x' WHERE sequence = 4")
    assert [p.sequence for p in report(postgres.dsn, keys).problems] == [4]


def test_erasure_verifies_and_leaves_the_tables(
    postgres: PostgresServer, keys: JournalKeys, clock: Clock
) -> None:
    async def use() -> None:
        journal = postgres_journal(postgres.dsn, keys, "replica-a", clock=clock)
        words = {"words": "ann-was-here"}
        for i in range(40):
            who = "ann" if i % 4 == 0 else "bob"
            await journal.append(entry(i, identity=who, detail=words), durable=i == 39)
        store = PostgresStore(postgres.dsn)
        done = erase(
            store,
            keys,
            lambda e: e.identity == "ann",
            "request 7",
            clock=clock,
            most_rows=4,
            compact=True,
        )
        store.close()
        assert (done.rows, done.portions, done.gone) == (10, 3, True)
        await journal.append(
            entry(99, identity="bob"), durable=True
        )  # the guard's own chain goes on
        await journal.close()

    asyncio.run(use())
    found = report(postgres.dsn, keys)
    assert not found.problems
    assert {c.chain: (c.rows, c.erased) for c in found.chains} == {
        "replica-a": (41, 10),
        "keeper": (3, 0),
    }
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        file = connection.execute("SELECT pg_relation_filepath('reticent_rows')").fetchone()
    assert file is not None
    left = (postgres.folder / "data" / file[0]).read_bytes()
    assert b'"ann"' not in left
    assert b'"bob"' in left
