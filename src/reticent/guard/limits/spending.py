"""What one scope has spent, as a process keeps it and as a file holds it."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from reticent.guard.limits.gcra import (
    BUCKETS,
    Rate,
    bucket_us,
    drained,
    live,
    rate_of,
    window_wait_us,
)
from reticent.guard.types import Scope


@dataclass(frozen=True, slots=True)
class Plan:
    """A scope's allowances in whole units, worked out once.

    Attributes:
        rate: None for no limit.
        windows: (rows, sub-window length in microseconds) of every rolling budget.
    """

    rate: Rate | None
    windows: tuple[tuple[int, int], ...]


def plan_of(scope: Scope) -> Plan:
    """Return a scope's allowances in whole units."""
    per_minute = scope.rows_per_minute
    return Plan(
        rate=None if per_minute is None else rate_of(per_minute, scope.burst_rows),
        windows=tuple((rows, bucket_us(length_s)) for rows, length_s in scope.rolling),
    )


@dataclass(slots=True)
class Window:
    """A rolling budget's rows by sub-window.

    Attributes:
        width_us: length of a sub-window.
        buckets: rows by sub-window number; `total` is their sum.
        current: the sub-window of the last look.
        leased: rows that the file already counts in the current sub-window.
        promised: rows that it will count when what is being written is written.
    """

    width_us: int
    buckets: dict[int, int]
    total: int
    current: int
    leased: int
    promised: int

    def advance(self, now_us: int) -> None:
        """Forget what is too old; a clock that went back forgets nothing."""
        current = now_us // self.width_us
        if current > self.current:
            self.current = current
            self.buckets = live(self.buckets, current)
            self.total = sum(self.buckets.values())
            self.leased = self.promised = self.buckets.get(current, 0)

    def ends_us(self) -> int:
        """Return when the rows of the sub-window of the last look no longer count."""
        return (self.current + BUCKETS + 1) * self.width_us

    def wait_us(self, rows: int, allowance_rows: int, now_us: int) -> int:
        """Return how long until `rows` fit."""
        return window_wait_us(self.buckets, rows, allowance_rows, self.width_us, now_us)

    def book(self, rows: int) -> None:
        """Count rows in the current sub-window."""
        self.buckets[self.current] = self.buckets.get(self.current, 0) + rows
        self.total += rows


class Spending:
    """What one scope has spent: mutable, owned by one process.

    `leased` rows are what the file counts already, and `promised` what it will count when the
    writes under way are done. Nothing here decides; see `MemoryLimits`.
    """

    __slots__ = (
        "at_us",
        "former",
        "in_flight",
        "leased",
        "level_units",
        "plan",
        "poured_units",
        "promised",
        "rate",
        "scope",
        "spent",
        "unit",
        "windows",
    )

    def __init__(self, scope: Scope) -> None:
        self.level_units = 0
        self.poured_units = 0  # what `level_units` will be if all scopes of a request have room
        self.unit = 1  # units a row of `level_units`
        self.at_us = 0
        self.spent = 0
        self.leased = 0
        self.promised = 0
        self.in_flight = 0
        self.windows: tuple[Window, ...] = ()
        self.former: tuple[Window, ...] = ()  # of other lengths, until their rows have aged
        self.adopt(scope)

    def adopt(self, scope: Scope) -> None:
        """Go on under other allowances; what was spent stays spent.

        A rolling window of another length starts anew: it is another budget. The one before is kept
        for requests that began under it: were it begun anew too, old and new ones that wait for the
        file at the same moment would take each other's leases away for ever.
        """
        self.scope = scope
        self.plan = plan_of(scope)
        self.rate = self.plan.rate
        if self.rate is not None and self.rate.units_per_row != self.unit:
            self.level_units = -(-self.level_units * self.rate.units_per_row // self.unit)
            self.unit = self.rate.units_per_row
        known = {window.width_us: window for window in (*self.former, *self.windows)}
        self.windows = tuple(
            known.get(width_us) or Window(width_us, {}, 0, 0, 0, 0)
            for _, width_us in self.plan.windows
        )
        others = known.keys() - {width_us for _, width_us in self.plan.windows}
        self.former = tuple(known[w] for w in others if known[w].ends_us() > self.at_us)

    def rate_rows(self, now_us: int) -> float:
        """Return how many rows of the burst are in use."""
        if self.rate is None:
            return 0.0
        return drained(self.level_units, self.at_us, now_us, self.rate) / self.unit

    def keep_until_us(self) -> float:
        """Return when all this may be forgotten; inf if never."""
        if self.promised or self.spent:
            return math.inf
        until = float(self.at_us)
        if self.rate is not None:
            until += self.level_units // self.rate.units_per_us + 1
        for window in self.windows:
            if window.total or window.promised:
                until = max(until, float(window.ends_us()))
        return until

    def lease(self, rows: int, chunk_rows: Callable[[int], int]) -> None:
        """Promise `rows`, which fit, and a chunk beyond, where they lack a lease."""
        most = self.scope.lifetime_rows
        if most is not None and self.spent + rows > self.leased:
            target = min(most, self.spent + rows + chunk_rows(most))
            self.promised = max(self.promised, target)
        for window, (most, _) in zip(self.windows, self.plan.windows, strict=True):
            used = window.buckets.get(window.current, 0) + rows
            if used > window.leased:
                spare = max(0, min(chunk_rows(most), most - window.total - rows))
                window.promised = max(window.promised, used + spare)

    def as_text(self, *, leased: bool) -> str:
        """Return this as JSON: with what is promised, or what is truly spent."""
        windows = {}
        for window in (*self.former, *self.windows):
            buckets = dict(window.buckets)
            if leased and window.promised:
                buckets[window.current] = max(window.promised, buckets.get(window.current, 0))
            windows[str(window.width_us)] = {str(b): n for b, n in buckets.items() if n}
        return json.dumps(
            {
                "spent": max(self.promised, self.spent) if leased else self.spent,
                "level": self.level_units,
                "unit": self.unit,
                "at": self.at_us,
                "windows": windows,
            }
        )

    def restore(self, text: str) -> None:
        """Take over what `as_text` wrote."""
        kept = json.loads(text)
        self.spent = self.leased = self.promised = kept["spent"]
        self.at_us = kept["at"]
        self.level_units = -(-kept["level"] * self.unit // kept["unit"])
        restored = []
        for window in self.windows:
            buckets = {int(b): n for b, n in kept["windows"].get(str(window.width_us), {}).items()}
            current = max(buckets, default=0)
            restored.append(
                Window(
                    window.width_us,
                    buckets,
                    sum(buckets.values()),
                    current,
                    buckets.get(current, 0),
                    buckets.get(current, 0),
                )
            )
        self.windows = tuple(restored)


def spent_of(text: str) -> int:
    """Return the lifetime rows in what `as_text` wrote."""
    return int(json.loads(text)["spent"])
