"""Open the journal that the configuration asks for."""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reticent.config.guard import Guard
from reticent.core import BadInput
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.sqlite import GUARD, SqliteStore
from reticent.guard.journal.store import Store
from reticent.guard.journal.writer import ChainedJournal

JOURNAL_FILE = "journal.sqlite"
ANCHORS_FILE = "anchors.jsonl"
REPLICA_FILE = "replica"
_REPLICA = re.compile(r"[a-z0-9-]{4,40}")


def open_journal(
    settings: Guard, state: Path, *, secret: bytes, clock: Callable[[], float]
) -> ChainedJournal:
    """Return the guard's journal, open for writing.

    Args:
        settings: the [guard] table.
        state: its state folder; anchors are always there, and the file if it is SQLite.
        secret: the guard's.
        clock: returns seconds since 1970.

    Raises: BadInput, JournalDown; see `ChainedJournal`.
    """
    keys = journal_keys(secret)
    chain = GUARD if settings.journal == "sqlite" else replica_name(state)
    return ChainedJournal(
        journal_store(settings, state), keys, chain, clock=clock, anchors=state / ANCHORS_FILE
    )


def journal_store(settings: Guard, state: Path) -> Store:
    """Return where the journal's rows are, not yet open.

    Raises: BadInput if it is in PostgreSQL and the driver is not installed.
    """
    if settings.journal == "sqlite":
        return SqliteStore(state / JOURNAL_FILE)
    try:
        from reticent.guard.journal.postgres import PostgresStore
    except ImportError as error:
        raise BadInput(
            f"The journal is in PostgreSQL, and {error.name} is not installed.",
            way_out="pip install 'reticent[guard-replicas]'",
        ) from error
    return PostgresStore(settings.journal)


def replica_name(state: Path) -> str:
    """Return the name of this replica's chain: made once, kept in the state folder.

    Raises: BadInput if the folder holds something else under that name, or cannot be written.
    """
    path = state / REPLICA_FILE
    try:
        state.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _keep(path, f"replica-{secrets.token_hex(6)}")
        name = path.read_text("ascii", errors="replace").strip()
    except OSError as error:
        raise BadInput(f"{path}: it cannot be written ({error.strerror}).") from error
    if not _REPLICA.fullmatch(name):
        raise BadInput(f"{path} holds {name[:40]!r}, which is no replica's name.")
    return name


def _keep(path: Path, text: str) -> None:
    """Write a new file, whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(f"{text}\n", "ascii")
    try:
        os.link(draft, path)
    finally:
        draft.unlink()
