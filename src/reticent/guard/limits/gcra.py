"""The arithmetic of rates and budgets in rows: numbers in, numbers out.

The rate is the Generic Cell Rate Algorithm (GCRA) in its "continuous-state leaky bucket" form,
which ITU-T I.371 (Annex A) shows to decide like the better known "virtual scheduling" one: every
row pours `units_per_row` into a bucket that drains `units_per_us` a microsecond and holds
`room_units`. All three are whole numbers, so that no rounding ever lets a row through early;
`units_per_us` is rounded down.

A rolling budget is kept in `BUCKETS` + 1 sub-windows. It errs on the safe side: rows count until
the whole sub-window in which they were spent is older than the window, so at most 1 / `BUCKETS` of
its length too long, and never too short.

Times are whole microseconds. The shared store's script does the same sums in Lua, where numbers
are doubles: exact as long as `room_units` stays below 2**53, which is any whole rate a minute with
a burst up to 150 million rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

US_PER_S = 1_000_000
US_PER_MINUTE = 60 * US_PER_S
BUCKETS = 32
NEVER_US = -1
"""A wait that does not end."""

_FINENESS_BITS = 16


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with a burst, in whole units.

    Attributes:
        units_per_row: what one row pours in.
        units_per_us: what drains in a microsecond.
        room_units: what the bucket holds: the burst.
    """

    units_per_row: int
    units_per_us: int
    room_units: int


def rate_of(rows_per_minute: float, burst_rows: int) -> Rate:
    """Return a rate in whole units; a fraction of a row a minute is rounded down by < 2**-16.

    Raises: ValueError for a rate that is not above 0 and finite, or a burst below 1.
    """
    if not (0 < rows_per_minute < math.inf) or burst_rows < 1:
        raise ValueError(
            f"{rows_per_minute!r} rows a minute with a burst of {burst_rows!r}: the rate must be "
            "above 0 and finite, the burst 1 or more."
        )
    scale = 1
    if rows_per_minute != int(rows_per_minute):
        scale = 1 << max(0, _FINENESS_BITS - math.frexp(rows_per_minute)[1] + 1)
    unit = US_PER_MINUTE * scale
    return Rate(unit, int(rows_per_minute * scale), burst_rows * unit)


def drained(level_units: int, at_us: int, now_us: int, rate: Rate) -> int:
    """Return what is left in the bucket; a clock that went back drains nothing."""
    left = level_units - max(0, now_us - at_us) * rate.units_per_us
    return max(left, 0)


def rate_wait_us(level_units: int, rows: int, rate: Rate) -> int:
    """Return how long until `rows` fit: 0 for now, NEVER_US for more than the burst.

    Args:
        level_units: what is in the bucket now.
        rows: 1 or more.
        rate: the rate.
    """
    over = level_units + rows * rate.units_per_row - rate.room_units
    if over <= 0:
        return 0
    if over > level_units:
        return NEVER_US
    return -(-over // rate.units_per_us)


def bucket_us(length_s: float) -> int:
    """Return the length of a rolling window's sub-windows, rounded up."""
    return -(-math.ceil(length_s * US_PER_S) // BUCKETS)


def live(buckets: Mapping[int, int], current: int) -> dict[int, int]:
    """Return the sub-windows that still count, when `current` is the one of now.

    Args:
        buckets: rows by sub-window; sub-window number = time // its length.
        current: the number of the present one.
    """
    return {b: rows for b, rows in buckets.items() if b >= current - BUCKETS}


def window_wait_us(
    buckets: Mapping[int, int], rows: int, allowance_rows: int, width_us: int, now_us: int
) -> int:
    """Return how long until `rows` fit a rolling budget: 0 for now, NEVER_US for more than it all.

    Args:
        buckets: rows by sub-window.
        rows: 1 or more.
        allowance_rows: what the window holds.
        width_us: length of a sub-window.
        now_us: the time.
    """
    if rows > allowance_rows:
        return NEVER_US
    counted = live(buckets, now_us // width_us)
    over = sum(counted.values()) + rows - allowance_rows
    if over <= 0:
        return 0
    for bucket in sorted(counted):
        over -= counted[bucket]
        if over <= 0:
            return max(1, (bucket + BUCKETS + 1) * width_us - now_us)
    return NEVER_US  # unreachable: all gone, there is room for `rows`
