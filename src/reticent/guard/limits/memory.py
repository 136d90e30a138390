"""Limits of one process, with budgets that outlive it."""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import final

from reticent.guard.limits.admissions import (
    BUSY_RETRY_S,
    GRANTED,
    NO_STORE_RETRY_S,
    give_back,
    refusal,
)
from reticent.guard.limits.gcra import NEVER_US, US_PER_S, drained, rate_wait_us
from reticent.guard.limits.group import ScopeGroup
from reticent.guard.limits.shelf import Shelf
from reticent.guard.limits.spending import Spending, spent_of
from reticent.guard.types import Admission, Scope

_LOOK_LEAST_KEYS = 1024
_MOST_GROUPS = 1_024  # as many as `ScopeMaker` remembers
_LEASE_LEAST_ROWS = 8
_LEASE_MOST_ROWS = 4096
_LEASE_SHARE = 64


def lease_rows(allowance_rows: int) -> int:
    """Return how many rows are leased ahead: 1/64 of the budget, at least 8, at most 4,096."""
    return min(max(allowance_rows // _LEASE_SHARE, _LEASE_LEAST_ROWS), _LEASE_MOST_ROWS)


@final
class MemoryLimits:
    """Counts in this process; lifetime and rolling rows also in a file, ahead of their use.

    Rows of such budgets are leased from the file in chunks (`lease_rows`) and written, to the disk,
    before the first of them is granted. After a crash or `kill -9` a chunk that was begun counts
    as spent: a budget can lose up to one chunk a crash, and never gains a row. A clean `close`
    writes exact counts. Rates are written when a key leaves memory and on `close`; a crash may
    give a caller a fresh burst, and `concurrent` starts from zero as no request outlives the
    process.

    Keys whose rate is full again, and which count nothing that lasts, leave memory whenever the
    keys have doubled in number: callers who came once cost nothing for long. Others leave once
    there are more than `max_keys` (the longest rested half goes) and are found again in the file,
    which keeps them for as long as they matter: lifetime counts for ever, others until their rate
    is full and their windows have passed.

    If the file cannot be written, what needs it is refused with "store away".

    Args:
        path: the file; None for one in memory, which ends with the process.
        clock: returns seconds since 1970. One that goes back refills nothing meanwhile.
        max_keys: how many keys stay in memory, beside those with requests in flight.

    Raises: BadInput if the file cannot be opened or another process uses it.
    """

    def __init__(
        self, path: Path | None, *, clock: Callable[[], float], max_keys: int = 100_000
    ) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._shelf = Shelf(path)
        self._kept: dict[str, Spending] = {}
        self._groups: dict[int, ScopeGroup] = {}  # by identity of the scopes; of what is kept only
        self._evictions = 0
        self._look_at_keys = _LOOK_LEAST_KEYS

    @property
    def down(self) -> str:
        """Return "": there is no store to be away."""
        return ""

    async def admit(self, scopes: Sequence[Scope], rows: int, *, sensitive: bool) -> Admission:
        """Book `rows` in every scope, or in none.

        The refusal that takes longest is the one that is named. `sensitive` changes nothing here.

        Raises: ValueError for less than one row.
        """
        if rows < 1:
            raise ValueError(f"{rows} rows asked; it must be 1 or more.")
        now_us = int(self._clock() * US_PER_S)
        while (admission := self._decide(scopes, rows, now_us)) is None:
            try:
                await self._prepare(scopes, rows, now_us)
            except sqlite3.Error:
                return Admission(granted=False, retry_after_s=NO_STORE_RETRY_S, reason="store away")
        return admission

    def admit_at_once(self, scopes: Sequence[Scope], rows: int) -> Admission | None:
        """Do what `admit` does if the file need not be asked; None, and nothing booked, if it must.

        Raises: ValueError for less than one row.
        """
        if rows < 1:
            raise ValueError(f"{rows} rows asked; it must be 1 or more.")
        now_us = int(self._clock() * US_PER_S)
        group = self._groups.get(id(scopes))
        if group is not None and group.scopes is scopes:
            granted = group.granted(rows, now_us)
            return self._decide(scopes, rows, now_us) if granted is None else granted
        admission = self._decide(scopes, rows, now_us)
        if admission is not None and admission.granted:
            self._remember(scopes)
        return admission

    def _remember(self, scopes: Sequence[Scope]) -> None:
        """Keep together what was looked up for scopes that may be asked together again."""
        if len(self._groups) >= _MOST_GROUPS:
            self._groups.clear()
        # It holds the scopes, so that nothing else gets their identity.
        ones = tuple(self._kept[scope.key] for scope in scopes)
        self._groups[id(scopes)] = ScopeGroup(scopes, ones)

    def _decide(self, scopes: Sequence[Scope], rows: int, now_us: int) -> Admission | None:
        """Return the answer, or None if the file must be asked first. No await in here."""
        kept = self._kept
        levels: list[tuple[Spending, int]] = []
        held: list[Spending] = []
        wait_us, culprit, reason = 0, "", ""
        unleased = False
        for scope in scopes:
            key = scope.key
            one = kept.get(key)
            if one is None:
                return None
            if one.scope is not scope:
                one.adopt(scope)
                self._groups.clear()
            level = 0
            rate = one.rate
            if rate is not None:
                level = drained(one.level_units, one.at_us, now_us, rate)
                poured = level + rows * rate.units_per_row
                if poured > rate.room_units:
                    wait = rate_wait_us(level, rows, rate)
                    if wait == NEVER_US:
                        return refusal(NEVER_US, key, "too many rows")
                    if wait > wait_us:
                        wait_us, culprit, reason = wait, key, "rate"
                level = poured
            most = scope.concurrent
            if most is not None:
                held.append(one)
                if one.in_flight >= most and wait_us < BUSY_RETRY_S * US_PER_S:
                    wait_us, culprit, reason = int(BUSY_RETRY_S * US_PER_S), key, "concurrent"
            most = scope.lifetime_rows
            if most is not None:
                spent = one.spent + rows
                if spent > most:
                    return refusal(NEVER_US, key, "lifetime")
                if spent > one.leased:
                    unleased = True
            if one.windows:
                for window, (allowance_rows, _) in zip(one.windows, one.plan.windows, strict=True):
                    window.advance(now_us)
                    if window.total + rows > allowance_rows:
                        wait = window.wait_us(rows, allowance_rows, now_us)
                        if wait == NEVER_US:
                            return refusal(NEVER_US, key, "too many rows")
                        if wait > wait_us:
                            wait_us, culprit, reason = wait, key, "rolling"
                    elif window.buckets.get(window.current, 0) + rows > window.leased:
                        unleased = True
            levels.append((one, level))
        if wait_us:
            return refusal(wait_us, culprit, reason)
        if unleased:
            return None
        for one, level in levels:
            one.level_units = level
            if now_us > one.at_us:
                one.at_us = now_us
            if one.scope.lifetime_rows is not None:
                one.spent += rows
            if one.windows:
                for window in one.windows:
                    window.book(rows)
        if not held:
            return GRANTED
        for one in held:
            one.in_flight += 1
        return Admission(True, 0.0, "", "", tuple(held))

    async def _prepare(self, scopes: Sequence[Scope], rows: int, now_us: int) -> None:
        """Bring in keys that rest, or lease rows ahead; then the decision is made afresh."""
        missing = [scope for scope in scopes if scope.key not in self._kept]
        if missing:
            await self._bring_in(missing)
            needed = {scope.key for scope in scopes}
            if len(self._kept) >= self._look_at_keys:
                await self._let_go(now_us, needed)
            if len(self._kept) > self._max_keys:
                await self._evict(now_us, needed)
            return
        ones = [self._kept[s.key] for s in scopes if s.lifetime_rows is not None or s.rolling]
        for one in ones:
            one.lease(rows, lease_rows)
        promises = [
            (one, one.promised, [(w, w.current, w.promised) for w in one.windows]) for one in ones
        ]
        await self._shelf.put(
            [(one.scope.key, one.keep_until_us(), one.as_text(leased=True)) for one in ones]
        )
        for one, promised, windows in promises:
            one.leased = max(one.leased, promised)
            for window, current, rows_promised in windows:
                if window.current == current:
                    window.leased = max(window.leased, rows_promised)

    async def _bring_in(self, missing: Sequence[Scope]) -> None:
        evictions = self._evictions
        texts = await self._shelf.get([scope.key for scope in missing])
        if evictions != self._evictions:
            return  # what was read may be older than what went out meanwhile; the caller asks again
        for scope in missing:
            if scope.key not in self._kept:  # somebody else may have been quicker
                one = Spending(scope)
                if scope.key in texts:
                    one.restore(texts[scope.key])
                self._kept[scope.key] = one

    async def _let_go(self, now_us: int, needed: set[str]) -> None:
        """Forget the keys that stand where one never seen would."""
        gone = [
            key
            for key, one in self._kept.items()
            if not one.in_flight and key not in needed and one.keep_until_us() <= now_us
        ]
        for key in gone:
            del self._kept[key]
        self._groups.clear()
        self._evictions += 1
        self._look_at_keys = max(_LOOK_LEAST_KEYS, 2 * len(self._kept))
        await self._shelf.forget_before(now_us)

    async def _evict(self, now_us: int, needed: set[str]) -> None:
        """Put the half that has rested longest into the file, with exact counts."""
        idle = [k for k, one in self._kept.items() if not one.in_flight and k not in needed]
        idle.sort(key=lambda key: self._kept[key].at_us)
        gone = {key: self._kept.pop(key) for key in idle[: max(1, self._max_keys // 2)]}
        self._groups.clear()
        self._evictions += 1
        try:
            await self._keep_exactly(gone, now_us)
            await self._shelf.forget_before(now_us)
        except sqlite3.Error:
            for key, one in gone.items():
                self._kept.setdefault(key, one)
            raise

    async def _keep_exactly(self, ones: Mapping[str, Spending], now_us: int) -> None:
        rows = ((key, one.keep_until_us(), one.as_text(leased=False)) for key, one in ones.items())
        await self._shelf.put([row for row in rows if row[1] > now_us])

    def release(self, admission: Admission) -> None:
        """Say that a request is over; only concurrency comes back."""
        give_back(admission)

    async def spent(self, key: str) -> Mapping[str, float]:
        """Return what is booked for a scope of which this process has heard; else {}.

        Returns:
            "lifetime_rows", "rate_rows" (of the burst, in use now), "concurrent", and
            "rolling_rows_<i>" for the i-th window.
        """
        one = self._kept.get(key)
        if one is None:
            texts = await self._shelf.get([key])
            return {"lifetime_rows": float(spent_of(texts[key]))} if key in texts else {}
        now_us = int(self._clock() * US_PER_S)
        for window in one.windows:
            window.advance(now_us)
        return {
            "lifetime_rows": float(one.spent),
            "rate_rows": one.rate_rows(now_us),
            "concurrent": float(one.in_flight),
            **{f"rolling_rows_{i}": float(w.total) for i, w in enumerate(one.windows)},
        }

    async def settle(self, book: Callable[[Mapping[str, int]], Awaitable[None]]) -> None:
        """Hand lifetime rows over to whoever books them elsewhere, and forget everything.

        No admission may be under way. What `book` has not returned from is kept.

        Args:
            book: called with rows by key, some hundred at a time.

        Raises: sqlite3.Error, and whatever `book` raises.
        """
        self._evictions += 1
        self._groups.clear()
        kept, self._kept = self._kept, {}
        try:
            await self._keep_exactly(kept, int(self._clock() * US_PER_S))
        except BaseException:
            self._kept = kept
            raise
        after = ""
        while texts := await self._shelf.chunk(after):
            rows = {key: spent for key, text in texts.items() if (spent := spent_of(text))}
            if rows:
                await book(rows)
            await self._shelf.drop(texts)
            after = max(texts)

    async def close(self) -> None:
        """Write exact counts and let go of the file; unused leases come back."""
        try:
            await self._keep_exactly(self._kept, int(self._clock() * US_PER_S))
        finally:
            await self._shelf.close()
