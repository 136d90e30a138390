"""Throwing away text that must not be kept: a person's rows, or all that is too old.

Rows go in portions. A portion is one transaction: the rows lose text and salt, and the keeper's
chain gains an entry that names them and the reason, never the person. A crash between portions
leaves a journal that verifies; running it again goes on where it stopped.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from os import urandom
from pathlib import Path
from typing import final

from reticent.core import BadRecord
from reticent.guard.journal.chain import (
    SALT_BYTES,
    Head,
    Ranges,
    entry_of,
    payload_of,
    sealed,
)
from reticent.guard.journal.checkpoint import append_anchor, checkpoint
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.store import KEEPER, Store
from reticent.guard.journal.writer import last_checkpoint, opened
from reticent.guard.types import Entry

#: Kinds of rows that are never thrown away: without them, what is gone could not be explained.
KEPT_KINDS = frozenset({"erasure"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was done.

    Attributes:
        rows: texts thrown away.
        portions: erasure entries written.
        gone: whether the disk holds none of them any more; if not, run it again.
    """

    rows: int
    portions: int
    gone: bool


def erase(
    store: Store,
    keys: JournalKeys,
    wanted: Callable[[Entry], bool],
    reason: str,
    *,
    clock: Callable[[], float],
    anchors: Path | None = None,
    most_rows: int = 2_000,
    compact: bool = False,
) -> Erased:
    """Throw away the text of all rows that are wanted.

    Args:
        store: not yet open; it is left open for reading.
        keys: those that the journal is written with.
        wanted: says of an entry whether it goes.
        reason: for the erasure entries; must not say whose rows they are.
        clock: returns seconds since 1970.
        anchors: file to which the checkpoints are added.
        most_rows: in one portion; a guard that writes the same store waits that long.
        compact: also give the space back; a guard should not be writing meanwhile.

    Raises: BadInput if somebody else is erasing; StoreAway.
    """
    head = opened(store, keys, KEEPER)
    number, _ = last_checkpoint(store, KEEPER)
    rows = portions = 0
    for chain in store.chains():
        if chain == KEEPER:
            continue
        for portion in _portions(store, chain, wanted, most_rows):
            now_s = clock()
            count = sum(last - first + 1 for first, last in portion)
            told = Entry(
                time_s=now_s,
                kind="erasure",
                rows=count,
                outcome=reason,
                detail={"rows": {chain: portion}},
            )
            row = sealed(keys.chain, head, [payload_of(told)], urandom(SALT_BYTES))[0]
            head = Head(row.sequence, row.link)
            number += 1
            signed = checkpoint(keys, KEEPER, head, number=number, time_s=now_s)
            store.erase({chain: portion}, row, signed)
            if anchors is not None:
                with suppress(OSError):  # the journal holds it too
                    append_anchor(anchors, signed)
            rows, portions = rows + count, portions + 1
    return Erased(rows=rows, portions=portions, gone=store.scrub(compact=compact))


def _portions(
    store: Store, chain: str, wanted: Callable[[Entry], bool], most_rows: int
) -> Iterator[list[list[int]]]:
    """Yield the wanted rows as pairs of first and last, at most `most_rows` at a time."""
    ranges, count = Ranges(), 0
    for row in store.rows(chain):
        if row.erased or not _is_wanted(row.payload, wanted):
            continue
        ranges.add(row.sequence)
        count += 1
        if count == most_rows:
            yield ranges.pairs
            ranges, count = Ranges(), 0
    if count:
        yield ranges.pairs


def _is_wanted(payload: bytes, wanted: Callable[[Entry], bool]) -> bool:
    try:
        entry = entry_of(payload)
    except BadRecord:  # altered by somebody: `verify` says so
        return False
    return entry.kind not in KEPT_KINDS and wanted(entry)
