"""How requests for rows look to the shared store's script, and its answers to us."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reticent.guard.limits.memory import refusal
from reticent.guard.limits.spending import plan_of
from reticent.guard.types import Admission, Scope

ADMIT = (Path(__file__).parent / "admit.lua").read_text(encoding="utf-8")
JOIN = (Path(__file__).parent / "join.lua").read_text(encoding="utf-8")

_NO_LIMIT = -1.0
_REASONS = ("", "rate", "concurrent", "lifetime", "rolling", "too many rows")
_ASK = struct.Struct("<dd")
_BATCH = struct.Struct("<dddd")
_VERDICT = struct.Struct("<ddd")
_DOUBLE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Packed:
    """A scope as the script reads it, worked out once.

    Attributes:
        scope: what this was made of.
        key: the key on the wire, with its length.
        plan: the allowances.
        widths_us: sub-window lengths of the rolling budgets.
        marks: how many numbers the answer to a grant holds for this scope.
    """

    scope: Scope
    key: bytes
    plan: bytes
    widths_us: tuple[int, ...]
    marks: int


def pack(scope: Scope, prefix: str) -> Packed:
    """Return a scope as the script reads it."""
    plan = plan_of(scope)
    rate = plan.rate
    numbers = [
        *((rate.units_per_row, rate.units_per_us, rate.room_units) if rate else (0, 0, 0)),
        _NO_LIMIT if scope.lifetime_rows is None else scope.lifetime_rows,
        _NO_LIMIT if scope.concurrent is None else scope.concurrent,
        len(plan.windows),
        *(number for window in plan.windows for number in window),
    ]
    lasting = scope.lifetime_rows is not None or bool(plan.windows)
    return Packed(
        scope=scope,
        key=bulk(f"{prefix}{scope.key}".encode()),
        plan=struct.pack(f"<{len(numbers)}d", *numbers),
        widths_us=tuple(width_us for _, width_us in plan.windows),
        marks=1 + len(plan.windows) if lasting else 0,
    )


def bulk(text: bytes) -> bytes:
    """Return a string as RESP sends it."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


def ask(packed: Sequence[Packed], rows: int, ticket: bytes) -> bytes:
    """Return a request's argument."""
    return bulk(_ASK.pack(rows, len(packed)) + b"".join([p.plan for p in packed]) + ticket)


def batch(
    sha: bytes,
    epoch_key: bytes,
    epoch: bytes,
    *,
    keys: Sequence[bytes],
    arguments: Sequence[bytes],
    counts: tuple[int, int, int],
    lease_us: int,
) -> bytes:
    """Return a whole EVALSHA.

    Args:
        sha: of `ADMIT`.
        epoch_key: as RESP.
        epoch: the one joined.
        keys: of releases, renewals, requests, in order, as RESP.
        arguments: tickets to release, to renew, and requests, as RESP.
        counts: how many of each.
        lease_us: how long a slot stays taken unless renewed.
    """
    return b"".join(
        (
            b"*%d\r\n$7\r\nEVALSHA\r\n" % (6 + len(keys) + len(arguments)),
            bulk(sha),
            bulk(b"%d" % (len(keys) + 1)),
            epoch_key,
            *keys,
            bulk(_BATCH.pack(*counts, lease_us)),
            bulk(epoch),
            *arguments,
        )
    )


def verdict(
    answer: bytes, at: int, packed: Sequence[Packed]
) -> tuple[Admission | None, list[tuple[Packed, tuple[float, ...]]], int]:
    """Read one request's answer.

    Returns: the refusal, or None if it is granted; what was spent by then for each scope with
        budgets that last (lifetime rows or -1, then each window's); where the next answer starts.
    """
    reason, wait_us, culprit = _VERDICT.unpack_from(answer, at)
    at += _VERDICT.size
    if reason:
        key = packed[int(culprit) - 1].scope.key
        return refusal(int(wait_us), key, _REASONS[int(reason)]), [], at
    spent = []
    for one in packed:
        if one.marks:
            spent.append((one, struct.unpack_from(f"<{one.marks}d", answer, at)))
            at += one.marks * _DOUBLE_BYTES
    return None, spent, at
