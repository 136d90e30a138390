"""Limits that several guards share through Valkey or Redis."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

from valkey.exceptions import NoScriptError

from reticent.guard.limits.admissions import NO_STORE_RETRY_S, give_back
from reticent.guard.limits.exchange import Exchange, Slots
from reticent.guard.limits.joining import Joining
from reticent.guard.limits.link import Link, StoreAway
from reticent.guard.limits.marks import Marks
from reticent.guard.limits.outage import LocalAllowances
from reticent.guard.limits.wire import ADMIT, JOIN
from reticent.guard.types import Admission, Scope

_PROBE_LEAST_S = 0.25
_PROBE_MOST_S = 2.0
_SETTLE_MOST_S = 5.0
_FLUSH_EVERY_S = 1.0
_LOOK_EVERY_S = 0.001


@final
class SharedLimits:
    """Counts in a store that several guards share; correct to the row whoever races.

    One atomic script decides all scopes of a request by the store's own clock. Requests that wait
    at the same moment go in one round trip (`most_at_once`). Works with Valkey, and Redis from
    6.2; with a cluster too, on the one node that holds the prefix's slot.

    **Slots** (`concurrent`) are leases of `slot_lease_s`, renewed while the request lasts, so those
    of a replica that died come back.

    **Keys** expire when they no longer matter; those with lifetime counts never do. The store must
    not evict (`maxmemory-policy noeviction`, or no `maxmemory`): one that may is treated as away.
    It should write to disk (`appendonly yes`): what it forgets is healed as told below. A
    fail-over to a copy that lags counts as forgetting.

    **Outage.** If the store refuses, hangs (longer than `timeout_s`) or fails, it is away until a
    probe in the background, every 0.25 to 2 s, has joined it again; no request waits for that.
    Meanwhile `sensitive` requests are refused ("store away") and others get a local part of their
    allowance, see `local_scope` in outage.py. What was granted so is on disk first, and is
    booked in the store before anything else is when it is back; rows that were leased to a
    replica that crashed meanwhile are booked as if they had been granted. Burst: an outage may
    grant burst / replicas at once to a caller who had just used the burst up.

    **Forgetting.** Every replica keeps, in `state`, what it last saw of every lifetime and rolling
    budget. The store holds an epoch; it ends when the store comes back empty or as another process
    (perhaps from an older file). Then nothing is admitted through it until every replica that ever
    joined has told it those marks; the greatest, which is the true count, holds. This takes the
    replicas a second or two. If one is gone for good, an operator calls `accept_loss`: its
    marks, so at most what it was the last to book, are given up. Marks are on disk within a
    second; to lose rows, a replica and the store's memory must go in that same second, or the
    replica's folder must be lost. A first replica without any memory on an empty store starts from
    zero; others that remember put their marks on top of what it granted. Rates are not
    remembered: a store that forgot may grant a burst again.

    Args:
        url: valkey://, redis://, rediss:// (TLS), valkeys:// (TLS) or unix://, with user, password
            and database.
        replicas: the most guards that share the store.
        clock: returns seconds since 1970; used for outages only.
        state: this replica's own folder; None remembers nothing beyond the process.
        name: this replica's name, used if the folder holds none yet; unlike all others'.
        prefix: of all keys; braces keep them on one node of a cluster.
        timeout_s: longest wait for the store.
        join_timeout_s: longest that the first requests wait for it to be joined.
        slot_lease_s: how long a dead replica's slots stay taken.
        most_at_once: requests in one round trip.
        script: what decides; for tests that keep the time themselves.

    Raises: BadInput for a URL that is none, or a folder that another guard uses.
    """

    def __init__(
        self,
        url: str,
        *,
        replicas: int,
        clock: Callable[[], float],
        state: Path | None,
        name: str,
        prefix: str = "{reticent}:",
        timeout_s: float = 0.25,
        join_timeout_s: float = 1.0,
        slot_lease_s: float = 30.0,
        most_at_once: int = 128,
        script: str = ADMIT,
    ) -> None:
        self._url = url
        self._clock = clock
        self._prefix = prefix
        self._slot_lease_s = slot_lease_s
        self._timeout_s = timeout_s
        self._join_timeout_s = join_timeout_s
        self._link = Link(url, timeout_s=timeout_s, scripts=(script, JOIN))
        self._marks = Marks(state and state / "limits-marks.sqlite", clock=clock)
        self._local = LocalAllowances(
            state and state / "limits-away.sqlite", self._marks, replicas=replicas, clock=clock
        )
        self._joining = Joining(self._link, self._marks, name=name, prefix=prefix, clock=clock)
        self._exchange = Exchange(
            self._link,
            self._marks,
            on_answer=self._send,
            on_unknown=lambda go_on: self._start(self._load_again(go_on)),
            on_fault=lambda error: self._lost(_said(error)),
            script=script,
            name=name,
            prefix=prefix,
            clock=clock,
            slot_lease_s=slot_lease_s,
            most_at_once=most_at_once,
        )
        self._store = "new"  # then "joining", "up" or "away"
        self._why = "not asked yet"
        self._epoch = b""
        self._name = name
        self._sending = False  # `_send` is about to run
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def store(self) -> str:
        """What the store is now: "up", "away: WHY", "joining: WHY" or "new"."""
        return self._store if self._store in ("up", "new") else f"{self._store}: {self._why}"

    @property
    def down(self) -> str:
        """Return why the store cannot be asked now; "" while it can, or before anybody asked."""
        return "" if self._store in ("up", "new") else self._why

    async def admit(self, scopes: Sequence[Scope], rows: int, *, sensitive: bool) -> Admission:
        """Book `rows` in every scope, or in none.

        The refusal that takes longest is the one that is named.

        Raises: ValueError for less than one row.
        """
        if rows < 1:
            raise ValueError(f"{rows} rows asked; it must be 1 or more.")
        if self._store == "away":
            return await self._without_store(scopes, rows, sensitive)
        asked = self._exchange.ask(scopes, rows)
        self._wake()
        with suppress(StoreAway):
            await asked.wait
        if asked.answer is None:
            return await self._without_store(scopes, rows, sensitive)
        return asked.answer

    async def _without_store(
        self, scopes: Sequence[Scope], rows: int, sensitive: bool
    ) -> Admission:
        if sensitive or self._store != "away":
            return Admission(granted=False, retry_after_s=NO_STORE_RETRY_S, reason="store away")
        return await self._local.admit(scopes, rows)

    def _wake(self) -> None:
        if self._store == "new":
            self._store = "joining"
            self._start(self._probe())
            self._start(self._upkeep())
        elif self._store == "up" and not self._sending and not self._exchange.under_way:
            # After all that this turn of the loop brings: one batch for them.
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self) -> None:
        self._sending = False
        if self._store == "up":
            self._exchange.send(self._epoch)

    async def _load_again(self, go_on: Callable[[], None]) -> None:
        with suppress(StoreAway, NoScriptError):  # then what goes on is told so
            await self._link.load()
        go_on()

    def _lost(self, why: str) -> None:
        """Turn to local allowances and look for the store in the background."""
        if self._store != "up":
            return
        self._turn_away(why)
        if not self._closing:
            self._start(self._probe())

    def _turn_away(self, why: str) -> None:
        self._store, self._why = "away", why
        self._exchange.refuse_all(why)

    async def _probe(self) -> None:
        """Join the store; if it cannot be, be away and try again until it can."""
        wait_s = _PROBE_LEAST_S
        while self._store != "up":
            try:
                # At the start requests wait for this; later they are served without the store.
                patience_s = self._join_timeout_s if self._store == "joining" else None
                async with asyncio.timeout(patience_s):
                    self._epoch = await self._joining.join()
                self._name = self._joining.name
                self._store = "joining"  # what is asked from here on waits for the end of it
                async with asyncio.timeout(_SETTLE_MOST_S):
                    await self._local.settle(self._joining.book)
                self._store = "up"
            except Exception as error:  # whatever it is, it is tried again
                await self._link.drop()
                self._turn_away(_said(error))
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _PROBE_MOST_S)
        if self._exchange.busy:
            self._wake()

    async def _upkeep(self) -> None:
        """Write marks, hear of other replicas, notice an outage, renew slots of long requests."""
        while True:
            await asyncio.sleep(min(_FLUSH_EVERY_S, self._slot_lease_s / 6))
            try:
                await self._marks.flush()
            except sqlite3.Error as error:
                self._lost(f"marks cannot be written: {error}")
                continue
            if self._store != "up":
                continue
            try:
                await self._joining.learn()
            except Exception as error:  # whatever it is, the probe looks after it
                self._lost(_said(error))
            self._exchange.renew_old()
            if self._exchange.busy:
                self._wake()

    def admit_at_once(self, scopes: Sequence[Scope], rows: int) -> Admission | None:
        """Return None: the store must be asked."""
        return None

    def release(self, admission: Admission) -> None:
        """Say that a request is over; only concurrency comes back."""
        if isinstance(admission.ticket, Slots):
            self._exchange.give_up(admission.ticket)
            self._wake()
        else:
            give_back(admission)

    async def spent(self, key: str) -> Mapping[str, float]:
        """Return what the store holds of a scope: see `MemoryLimits.spent`.

        While the store is away: "lifetime_rows" as this replica last saw them, or {}. The first to
        ask has it joined.
        """
        if self._store == "new":
            self._wake()
        if self._store == "up":
            with suppress(StoreAway):
                return await self._joining.spent(key)
        mark = await self._marks.find(key)
        return {"lifetime_rows": float(mark.lifetime_rows)} if mark else {}

    async def accept_loss(self) -> tuple[str, ...]:
        """Go on without the replicas that have not told a store that forgot what they know.

        Returns: the names of those given up.

        Raises: StoreAway.
        """
        link = Link(self._url, timeout_s=self._timeout_s, scripts=(JOIN,))  # the other is in use
        try:
            return await Joining(
                link, self._marks, name=self._name, prefix=self._prefix, clock=self._clock
            ).accept_loss()
        finally:
            await link.drop()

    async def close(self) -> None:
        """Let go of connections and files; what waits is refused."""
        self._closing = True
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._exchange.give_all_up()
        # Or until the store is away: then their leases end by themselves.
        while self._store == "up" and (self._exchange.busy or self._exchange.under_way):
            self._send()
            await asyncio.sleep(_LOOK_EVERY_S)
        self._turn_away("closed")
        await self._link.drop()
        try:
            await self._local.close()
        finally:
            await self._marks.close()


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, StoreAway) else repr(error)
