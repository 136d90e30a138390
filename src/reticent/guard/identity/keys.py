"""Who a caller with an API key is, from memory; and how that memory keeps up with the store."""

import asyncio
import logging
from collections.abc import Callable
from typing import final

from reticent.guard.identity.key_changes import pepper
from reticent.guard.identity.key_store import Database, KeyRecord, KeyTable
from reticent.guard.identity.key_text import EXAMPLE_KEY, LENGTH, PREFIX
from reticent.guard.mac import Mac
from reticent.guard.types import Caller, Entry, Journal

_LOG = logging.getLogger(__name__)
_MOST_SEEN = 1_024

#: How often the store is looked at: a revoked key is refused after this and the time to read.
POLL_S = 1.0
#: How long keys are trusted while the store cannot be read, so revocations cannot be seen.
UNSEEN_S = 60.0


@final
class KeyRing:
    """All living keys in a dictionary of their keyed hashes.

    On timing: a look-up by hash takes a time that may depend on the hash, but not on the key. The
    hash is HMAC-SHA-256 under a pepper that callers do not know, so whoever sends keys and
    measures cannot choose nor predict hashes, and learns nothing of how near a key was: a
    dictionary compares whole hashes, and no part of a stored hash follows from part of its key.
    Keys that were found good are remembered with their hashes while nothing changes in the store:
    whoever asks again is looked up by the hash all the same, but it is not worked out anew. That
    dictionary compares whole keys, after hashes of Python's own, keyed for each process.

    Args:
        database: where the keys are.
        secret: the guard's.
        clock: gives seconds since 1970.
    """

    def __init__(self, database: Database, *, secret: bytes, clock: Callable[[], float]) -> None:
        self._database = database
        self._mac = Mac(pepper(secret))  # `keyed_hash`, for many keys under one pepper
        self._example = self._mac.digest(EXAMPLE_KEY.encode("ascii"))
        self._clock = clock
        self._version: object = None
        self._callers: dict[bytes, tuple[float, Caller]] = {}
        self._seen: dict[str, bytes] = {}  # good keys -> their hashes, until the store changes
        self._good_until_s = float("-inf")
        self.refresh()

    def identify(self, text: str, now_s: float) -> Caller | None:
        """Return whom a key stands for; None if it stands for nobody, or not any more."""
        if now_s > self._good_until_s:
            return None
        hashed = seen = self._seen.get(text)
        if hashed is None:
            if len(text) != LENGTH or not text.isascii():
                return None
            hashed = self._mac.digest(text.encode("ascii"))
        found = self._callers.get(hashed)
        if found is None or now_s >= found[0]:
            return None
        if seen is None:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[text] = hashed
        return found[1]

    def refresh(self) -> bool:
        """Read the store again if it changed; blocks, so call it beside the event loop.

        Returns whether it had changed.

        Raises: whatever the store raises; the keys then stay for `UNSEEN_S` in all.
        """
        started_s = self._clock()
        version = self._database.version()
        changed = version != self._version
        if changed:
            with self._database.reading() as execute:
                records = KeyTable(execute).all()
            self._callers = self._living(records, started_s)
            self._seen = {}
            self._version = version
        self._good_until_s = started_s + UNSEEN_S
        return changed

    async def journal(self, journal: Journal) -> int:
        """Append the changes that wait in the store, and return how many.

        Each is marked after it was appended: a crash in between appends it twice, and loses none.
        Of several replicas one takes each change.

        Raises: JournalDown; what is left is taken again after `CLAIM_S`.
        """
        claimed = await asyncio.to_thread(self._claimed)
        for number, entry in claimed:
            await journal.append(entry, durable=True)
            await asyncio.to_thread(self._mark, number)
        return len(claimed)

    def close(self) -> None:
        """Forget the keys and let go of the store."""
        self._callers = {}
        self._seen = {}
        self._good_until_s = float("-inf")
        self._database.close()

    def _claimed(self) -> tuple[tuple[int, Entry], ...]:
        with self._database.writing() as execute:
            return KeyTable(execute).claim(self._clock())

    def _mark(self, number: int) -> None:
        with self._database.writing() as execute:
            KeyTable(execute).journalled(number)

    def _living(
        self, records: tuple[KeyRecord, ...], now_s: float
    ) -> dict[bytes, tuple[float, Caller]]:
        living = {}
        for record in records:
            if record.hash == self._example:  # everybody knows it, whoever put it in the store
                _LOG.warning("The store holds the example key of the documentation; ignored.")
            elif record.status(now_s) in ("active", "rotated"):
                ends_s = float("inf") if record.expires_s is None else record.expires_s
                living[record.hash] = (ends_s, record.caller())
        return living


def looks_like_key(text: str) -> bool:
    """Return whether a credential is meant as an API key, not as a token."""
    return text.startswith(PREFIX)
