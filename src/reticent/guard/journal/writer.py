"""The journal's one writer: takes all entries that wait and commits them together.

An append costs the event loop a few microseconds; writing JSON, hashing and the disk are the
writer thread's. While the store is away nothing is kept and everybody is told so; rows that were
taken on without a promise of durability wait in memory, and are the first to be written after.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias, final

from reticent.core import BadInput
from reticent.guard.journal.chain import (
    SALT_BYTES,
    Head,
    Row,
    link_of,
    payload_of,
    sealed,
    start_of,
)
from reticent.guard.journal.checkpoint import (
    Checkpoint,
    append_anchor,
    checkpoint,
    checkpoint_of,
)
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.store import Store, StoreAway
from reticent.guard.types import Entry, Framed, JournalDown

Waiting: TypeAlias = "tuple[Entry | Framed, asyncio.Future[None] | None]"

_SALTS_BYTES = 16_384
_BUSY, _IDLE, _LINGERING = 0, 1, 2


@final
class ChainedJournal:
    """A journal over a store, see `reticent.guard.types.Journal`.

    Args:
        store: where the rows go; this journal alone closes it.
        keys: see `journal_keys`.
        chain: name of the chain that this journal alone writes.
        clock: returns seconds since 1970.
        anchors: file outside of the store to which checkpoints are added; None for none.
        linger_s: how long an entry that is not durable may wait for company before its commit.
        most_waiting: entries in the queue; whoever comes when it is full waits.
        most_rows: in one commit.
        checkpoint_rows, checkpoint_s: a checkpoint is signed after so many rows, or so long after
            the last one if there are new rows.
        probe_s: how often a store that is away is tried.

    Raises: BadInput if another process writes this chain, if the place is no journal, or if it
        was written with another secret; JournalDown if the store is away.
    """

    def __init__(
        self,
        store: Store,
        keys: JournalKeys,
        chain: str,
        *,
        clock: Callable[[], float],
        anchors: Path | None = None,
        linger_s: float = 0.01,
        most_waiting: int = 20_000,
        most_rows: int = 1_000,
        checkpoint_rows: int = 1_000,
        checkpoint_s: float = 10.0,
        probe_s: float = 0.25,
    ) -> None:
        self._store, self._keys, self._chain, self._clock = store, keys, chain, clock
        self._anchors, self._unanchored = anchors, list[Checkpoint]()
        self._linger_s, self._probe_s = linger_s, probe_s
        self._most_waiting, self._most_rows = most_waiting, most_rows
        self._checkpoint_rows, self._checkpoint_s = checkpoint_rows, checkpoint_s
        self._waiting: deque[Waiting] = deque()
        self._blocked: deque[asyncio.Future[None]] = deque()
        self._wake = threading.Event()
        self._state = _BUSY
        self._hurried = False
        self._calling = False  # `_hurry` is about to run
        self._closing = False
        self._down = ""
        self._kept: list[Entry | Framed] = []
        self._doubt: list[Row] = []  # the last commit, if nobody can say whether it counted,
        self._kept_in_doubt = 0  # and how many of `_kept` were in it
        try:
            self._head = opened(store, keys, chain)
            self._number, self._signed_count = last_checkpoint(store, chain)
        except StoreAway as error:
            store.close()
            raise JournalDown(f"The journal cannot be opened ({error}).") from error
        except BadInput:
            store.close()
            raise
        self._signed_s = clock()
        self._salts = b""  # random bytes that were not used yet
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def down(self) -> str:
        """Return why nothing can be kept now; "" while all is well."""
        return self._down

    @property
    def head(self) -> Head:
        """Return where the chain ends on disk."""
        return self._head

    async def append(self, entry: Entry | Framed, *, durable: bool) -> None:
        """Keep an entry; with `durable`, return only when it is on disk.

        Raises: JournalDown when it cannot be kept.
        """
        if self._down:
            raise JournalDown(self._down)
        while len(self._waiting) >= self._most_waiting:
            await self._room()
        if not durable:
            self._waiting.append((entry, None))
            if self._state == _IDLE or len(self._waiting) == self._most_rows:
                self._wake_up()
            return
        loop = asyncio.get_running_loop()
        kept = loop.create_future()
        self._waiting.append((entry, kept))
        if not self._calling:  # after all that this turn of the loop brings: one commit for them
            self._calling = True
            loop.call_soon(self._hurry)
        await kept

    def take(self, entry: Entry | Framed) -> bool:
        """Keep an entry without a promise of durability; return False if there is no room now.

        Raises: JournalDown when it cannot be kept.
        """
        if self._down:
            raise JournalDown(self._down)
        waiting = self._waiting
        if len(waiting) >= self._most_waiting:
            return False
        waiting.append((entry, None))
        if self._state == _IDLE or len(waiting) == self._most_rows:
            self._wake_up()
        return True

    async def close(self) -> None:
        """Write all that is waiting, sign a checkpoint, and stop.

        Raises: JournalDown if something could not be written; it is lost.
        """
        self._closing = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        self._fail_waiting()  # whoever came while the writer was leaving
        lost = len(self._kept)
        self._kept.clear()
        self._down = self._down or "The journal is closed."
        if lost:
            raise JournalDown(f"{lost} entries are lost: the journal could not be written.")

    def _hurry(self) -> None:
        self._calling = False
        self._hurried = True
        if self._state != _BUSY:
            self._wake_up()

    def _wake_up(self) -> None:
        self._state = _BUSY  # before the event: the writer sets it anew before it waits again
        self._wake.set()

    async def _room(self) -> None:
        room = asyncio.get_running_loop().create_future()
        self._blocked.append(room)
        if self._state != _BUSY:
            self._wake_up()
        await room
        if self._down:
            raise JournalDown(self._down)

    # From here on, all is the writer thread's.

    def _run(self) -> None:
        try:
            while self._wait():
                batch = self._take()
                self._unblock()
                self._commit(batch)
                if self._down and not self._recover():
                    break
            if not self._down and self._head.length > self._signed_count:
                self._commit([])
        finally:
            self._down = self._down or "The journal is closed."
            self._fail_waiting()
            self._unblock()
            self._store.close()

    def _wait(self) -> bool:
        """Return when there is something to write, or False when all is done."""
        while not self._waiting:
            if self._closing:
                return False
            unsigned = self._head.length > self._signed_count
            self._state = _IDLE
            rested = not self._waiting and not self._blocked and not self._closing
            in_time = not rested or self._wake.wait(self._checkpoint_s if unsigned else None)
            self._state = _BUSY
            self._wake.clear()
            self._unblock()
            if not in_time:
                return True  # with nothing to write but a checkpoint
        if not self._hurried and len(self._waiting) < self._most_rows and not self._closing:
            self._state = _LINGERING
            if not self._hurried:
                self._wake.wait(self._linger_s)
            self._state = _BUSY
            self._wake.clear()
        return True

    def _take(self) -> list[Waiting]:
        self._hurried = False  # first: whoever comes from here on sets it again
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most_rows))]
        self._hurried = self._hurried or len(self._waiting) > 0
        return taken

    def _commit(self, batch: Sequence[Waiting]) -> None:
        waiting = [future for _, future in batch if future is not None]
        rows: list[Row] = []
        try:
            rows = self._sealed([entry for entry, _ in batch])
            self._write(rows, durable=bool(waiting) or not rows)
        except Exception as error:  # whatever it was: what is not written must not be answered
            self._down = f"The journal cannot be written ({str(error) or type(error).__name__})."
            self._kept = [entry for entry, future in batch if future is None]
            self._doubt, self._kept_in_doubt = rows, len(self._kept)
        settle(waiting, self._down)
        self._anchor()  # nobody need wait for it: what is on disk is answered

    def _sealed(self, entries: Sequence[Entry | Framed]) -> list[Row]:
        size = SALT_BYTES * len(entries)
        if len(self._salts) < size:  # each call lets go of the interpreter's lock: so many at once
            self._salts = os.urandom(size + _SALTS_BYTES)
        salts, self._salts = self._salts[:size], self._salts[size:]
        return sealed(self._keys.chain, self._head, [payload_of(e) for e in entries], salts)

    def _write(self, rows: Sequence[Row], *, durable: bool) -> None:
        head = Head(rows[-1].sequence, rows[-1].link) if rows else self._head
        signed = self._due(head, nothing_new=not rows)
        self._store.write(self._chain, rows, signed, durable=durable or signed is not None)
        self._head = head
        if signed is not None:
            self._number, self._signed_count = signed.number, signed.count
            self._signed_s = signed.time_s
            self._unanchored.append(signed)

    def _due(self, head: Head, *, nothing_new: bool) -> Checkpoint | None:
        now_s = self._clock()
        due = (
            nothing_new
            or head.length - self._signed_count >= self._checkpoint_rows
            or now_s - self._signed_s >= self._checkpoint_s
        )
        if not due:
            return None
        return checkpoint(self._keys, self._chain, head, number=self._number + 1, time_s=now_s)

    def _anchor(self) -> None:
        """Add checkpoints to the file outside; what cannot be added waits for the next one."""
        with suppress(OSError):
            while self._unanchored:
                if self._anchors is not None:
                    append_anchor(self._anchors, self._unanchored[0])
                del self._unanchored[0]

    def _recover(self) -> bool:
        """Try the store until it can be written again; return False if that is not to be."""
        since_s, tried = self._clock(), False
        while not (self._closing and tried):
            self._kept += [entry for entry, future in self._waiting if future is None]
            self._fail_waiting()
            self._unblock()
            if not self._closing:
                self._wake.wait(self._probe_s)
                self._wake.clear()
            tried = self._closing
            if self._resumed(since_s):
                self._kept.clear()
                self._down = ""
                return True
        return False

    def _resumed(self, since_s: float) -> bool:
        """Return whether the store is back, and holds what was kept and a note of the outage."""
        try:
            self._store.close()
            head = opened(self._store, self._keys, self._chain)
            if self._doubt and head == Head(self._doubt[-1].sequence, self._doubt[-1].link):
                # The last commit did count, though nobody could say so.
                del self._kept[: self._kept_in_doubt]
            elif head != self._head:
                self._down = "The journal was changed by somebody else while it was away."
                return False
            self._head, self._doubt, self._kept_in_doubt = head, [], 0
            self._number, self._signed_count = last_checkpoint(self._store, self._chain)
            now_s = self._clock()
            outage = Entry(time_s=now_s, kind="outage", outcome="over", detail={"since_s": since_s})
            rows = self._sealed([*self._kept, outage])
            self._doubt, self._kept_in_doubt = rows, len(self._kept)
            self._write(rows, durable=True)
        except Exception:  # still away
            return False
        self._doubt, self._kept_in_doubt = [], 0
        self._anchor()
        return True

    def _fail_waiting(self) -> None:
        waiting = [future for _, future in self._waiting if future is not None]
        self._waiting.clear()
        settle(waiting, self._down)

    def _unblock(self) -> None:
        blocked = [self._blocked.popleft() for _ in range(len(self._blocked))]
        settle(blocked, "")


def opened(store: Store, keys: JournalKeys, chain: str) -> Head:
    """Open a chain of a store and return where it ends.

    Raises: StoreAway; BadInput if the last row does not hang on the one before with these keys.
    """
    head = store.open(chain)
    start = start_of(keys.chain, chain)
    if head is None:
        return start
    ends = list(store.rows(chain, after=max(0, head.length - 2)))
    previous = start.link if head.length == 1 else ends[0].link
    expected = link_of(keys.chain, previous, head.length, ends[-1].commitment)
    if len(ends) != min(2, head.length) or expected != head.link:
        raise BadInput(
            f"The last row of the journal's chain {chain!r} was not written with this secret, "
            "or was altered.",
            way_out='Look at it with "reticent journal verify"; to begin a new journal, move the '
            "old one away.",
        )
    return head


def last_checkpoint(store: Store, chain: str) -> tuple[int, int]:
    """Return number and row count of a chain's last checkpoint; zeros if it has none."""
    line = store.last_checkpoint(chain)
    if not line:
        return 0, 0
    known = checkpoint_of(line)
    return known.number, known.count


def settle(futures: Sequence["asyncio.Future[None]"], down: str) -> None:
    """Tell those who wait that all is well, or why not; each event loop wakes once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for future in futures:
        by_loop.setdefault(future.get_loop(), []).append(future)
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, waiting, down)


def _tell(futures: Sequence["asyncio.Future[None]"], down: str) -> None:
    for future in futures:
        if future.done():  # cancelled
            continue
        if down:
            future.set_exception(JournalDown(down))
        else:
            future.set_result(None)
