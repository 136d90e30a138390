"""What a replica may grant by itself while the shared store is away."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reticent.guard.limits.admissions import NO_STORE_RETRY_S
from reticent.guard.limits.gcra import US_PER_S, bucket_us, rate_of
from reticent.guard.limits.marks import Mark, Marks
from reticent.guard.limits.memory import MemoryLimits
from reticent.guard.types import Admission, Scope

OUTAGE_MINUTES = 60
_SCOPES_MOST = 100_000
_POLL_S = 0.001


def local_scope(scope: Scope, replicas: int, mark: Mark | None, now_us: int) -> Scope | None:
    """Return this replica's part of a scope for one outage, or None if that is nothing.

    Every allowance is divided by the number of replicas and rounded down: rate, burst, slots. Rows
    in all are bounded by the least of

    * burst and 60 minutes of the rate, divided by the replicas;
    * what is left of the lifetime and of each rolling budget, divided by the replicas.

    What is left is taken at its least: this replica's last mark, and on top the most that the
    others can have booked since, which is a burst and the rate for the time gone by. If that
    cannot be bounded (no mark, or no rate, with several replicas) nothing is left. So while *no*
    replica reaches the store, all of them together stay within lifetime and rolling budgets. A
    replica that is cut off alone, while others go on, can exceed them by at most its own part.

    Args:
        scope: the whole allowance.
        replicas: how many share it.
        mark: what this replica last saw of it.
        now_us: a time at which the store is away.
    """
    rate = scope.rows_per_minute
    totals = []
    if rate is not None:
        totals.append(scope.burst_rows + rate * OUTAGE_MINUTES)
    lasting = [(scope.lifetime_rows, 0)] if scope.lifetime_rows is not None else []
    lasting += [(rows, bucket_us(length_s)) for rows, length_s in scope.rolling]
    for allowance_rows, width_us in lasting:
        spent = _spent_at_most(scope, replicas, mark, width_us, now_us)
        totals.append(allowance_rows - spent)
    parts = [math.floor(max(0.0, total) / replicas) for total in totals]
    burst_rows = scope.burst_rows // replicas if rate is not None else 1
    concurrent = None if scope.concurrent is None else scope.concurrent // replicas
    if 0 in parts or burst_rows == 0 or concurrent == 0:
        return None
    return replace(
        scope,
        rows_per_minute=None if rate is None else rate / replicas,
        burst_rows=burst_rows,
        concurrent=concurrent,
        lifetime_rows=min(parts) if parts else None,
        rolling=(),
    )


def _spent_at_most(
    scope: Scope, replicas: int, mark: Mark | None, width_us: int, now_us: int
) -> float:
    """Return the most that can be booked on a lifetime (width 0) or rolling budget by now."""
    known = 0
    if mark is not None:
        known = mark.windows.get(width_us, 0) if width_us else mark.lifetime_rows
    if replicas == 1:
        return known
    if mark is None or scope.rows_per_minute is None:
        return math.inf
    gone_s = max(0, now_us - mark.seen_us) / US_PER_S
    return known + scope.burst_rows + math.ceil(scope.rows_per_minute * gone_s / 60)


class LocalAllowances:
    """Grants a replica's part while the store is away, and remembers it until it is booked there.

    Args:
        path: a file of its own; None for none.
        marks: what this replica last saw in the store.
        replicas: how many share each allowance.
        clock: returns seconds since 1970.

    Raises: BadInput if the file cannot be opened.
    """

    def __init__(
        self, path: Path | None, marks: Marks, *, replicas: int, clock: Callable[[], float]
    ) -> None:
        self._limits = MemoryLimits(path, clock=clock)
        self._marks = marks
        self._replicas = replicas
        self._clock = clock
        self._parts: dict[str, tuple[Scope, Scope | None]] = {}
        self._under_way = 0

    async def admit(self, scopes: Sequence[Scope], rows: int) -> Admission:
        """Book rows on this replica's part of every scope, or on none."""
        self._under_way += 1
        try:
            parts = []
            for scope in scopes:
                part = await self._part(scope)
                if part is None:
                    return _away(scope.key)
                parts.append(part)
            admission = await self._limits.admit(parts, rows, sensitive=False)
        finally:
            self._under_way -= 1
        # What the part has no room for, the whole may have.
        if admission.reason in ("lifetime", "too many rows"):
            return _away(admission.scope)
        return admission

    async def _part(self, scope: Scope) -> Scope | None:
        known = self._parts.get(scope.key)
        if known is not None and known[0] is scope:
            return known[1]
        mark = await self._marks.find(scope.key)
        part = local_scope(scope, self._replicas, mark, int(self._clock() * US_PER_S))
        if len(self._parts) >= _SCOPES_MOST:
            self._parts.clear()  # worked out anew it is never more: time has gone by
        self._parts[scope.key] = (scope, part)
        return part

    async def settle(
        self, book: Callable[[Sequence[tuple[str, int, int]]], Awaitable[None]]
    ) -> None:
        """Book in the store what was granted without it: (key, rows, units per row or 0).

        Raises: sqlite3.Error, and whatever `book` raises; the rest is kept for the next time.
        """
        while self._under_way:
            await asyncio.sleep(_POLL_S)

        async def pass_on(spent: Mapping[str, int]) -> None:
            await book([(key, rows, self._unit(key)) for key, rows in spent.items()])

        await self._limits.settle(pass_on)
        self._parts.clear()

    def _unit(self, key: str) -> int:
        scope = self._parts[key][0] if key in self._parts else None
        if scope is None or scope.rows_per_minute is None:
            return 0
        return rate_of(scope.rows_per_minute, scope.burst_rows).units_per_row

    async def close(self) -> None:
        """Let go of the file."""
        await self._limits.close()


def _away(key: str) -> Admission:
    return Admission(granted=False, retry_after_s=NO_STORE_RETRY_S, scope=key, reason="store away")
