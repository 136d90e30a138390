"""How requests for rows look to the shared store's script, and its answers to us."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from reticent.guard.limits.admissions import refusal
from reticent.guard.limits.spending import plan_of
from reticent.guard.types import Admission, Scope

ADMIT = (Path(__file__).parent / "admit.lua").read_text(encoding="utf-8")
JOIN = (Path(__file__).parent / "join.lua").read_text(encoding="utf-8")

_NO_LIMIT = -1.0
_REASONS = ("", "rate", "concurrent", "lifetime", "rolling", "too many rows")
_VERDICT_DOUBLES = 3
_DOUBLE_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A scope as the script reads it, worked out once.

    Attributes:
        scope: what this was made of.
        key: the key on the wire, with its length.
        plan: the allowances.
        widths_us: sub-window lengths of the rolling budgets.
        marks: how many numbers the answer holds for this scope.
    """

    scope: Scope
    key: bytes
    plan: bytes
    widths_us: tuple[int, ...]
    marks: int


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The scopes of a request, packed.

    Attributes:
        scopes: what this was made of.
        packed: each.
        slots: whether any of them counts requests in flight.
    """

    scopes: Sequence[Scope]
    packed: tuple[Packed, ...]
    slots: bool


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
        marks=2 + len(plan.windows) if lasting else 0,
    )


def bulk(text: bytes) -> bytes:
    """Return a string as RESP sends it."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


@final
class Batch:
    """One call of the script: what it is about, each scope and each group of them once.

    Args:
        releases, renewals: groups and tickets (as RESP) of slots to give back and to renew.
        requests: rows, groups and tickets, likewise.
    """

    __slots__ = ("_groups", "_indices", "_numbers", "_packed", "_places", "_tickets")

    def __init__(
        self,
        releases: Sequence[tuple[Group, bytes]],
        renewals: Sequence[tuple[Group, bytes]],
        requests: Sequence[tuple[int, Group, bytes]],
    ) -> None:
        self._groups: list[float] = []
        self._indices: dict[Group, int] = {}
        self._packed: list[Packed] = []
        self._places: dict[Packed, int] = {}
        number = self._number
        self._numbers: list[float] = [number(group) for group, _ in (*releases, *renewals)]
        for rows, group, _ in requests:
            self._numbers += (rows, number(group))
        self._tickets = [ticket for _, ticket in releases]
        self._tickets += [ticket for _, ticket in renewals]
        self._tickets += [ticket for _, _, ticket in requests]

    def _number(self, group: Group) -> int:
        found = self._indices.get(group)
        if found is None:
            found = self._indices[group] = len(self._indices) + 1
            self._groups.append(len(group.packed))
            for packed in group.packed:
                place = self._places.get(packed)
                if place is None:
                    self._packed.append(packed)
                    place = self._places[packed] = len(self._packed)
                self._groups.append(place)
        return found

    def written(
        self,
        sha: bytes,
        epoch_key: bytes,
        epoch: bytes,
        *,
        counts: tuple[int, int, int],
        lease_us: int,
    ) -> bytes:
        """Return the whole EVALSHA.

        Args:
            sha: of `ADMIT`.
            epoch_key: as RESP.
            epoch: the one joined.
            counts: how many releases, renewals and requests.
            lease_us: how long a slot stays taken unless renewed.
        """
        packed = self._packed
        numbers = (*counts, lease_us, len(self._indices), *self._groups, *self._numbers)
        return b"".join(
            (
                b"*%d\r\n$7\r\nEVALSHA\r\n" % (7 + len(packed) + len(self._tickets)),
                bulk(sha),
                bulk(b"%d" % (len(packed) + 1)),
                epoch_key,
                *[one.key for one in packed],
                bulk(struct.pack(f"<{len(numbers)}d", *numbers)),
                bulk(epoch),
                bulk(b"".join([one.plan for one in packed])),
                *self._tickets,
            )
        )

    def read(
        self, answer: bytes, requests: Sequence[Group]
    ) -> tuple[list[Admission | None], list[tuple[Packed, int, list[int]]]]:
        """Read the script's answer.

        Args:
            answer: not empty.
            requests: the group of each request.

        Returns: for each request the refusal, or None if it is granted; and for each scope with
            budgets that last, on which rows were booked, its lifetime rows (0 if none are
            counted) and those of each window.
        """
        numbers = struct.unpack(f"<{len(answer) // _DOUBLE_BYTES}d", answer)
        verdicts: list[Admission | None] = []
        at = 0
        for group in requests:
            reason = numbers[at]
            if reason:
                key = group.packed[int(numbers[at + 2]) - 1].scope.key
                verdicts.append(refusal(int(numbers[at + 1]), key, _REASONS[int(reason)]))
            else:
                verdicts.append(None)
            at += _VERDICT_DOUBLES
        spent = []
        for one in self._packed:
            if one.marks:
                booked, lifetime_rows, *windows = numbers[at : at + one.marks]
                if booked:
                    spent.append((one, max(0, int(lifetime_rows)), [int(n) for n in windows]))
                at += one.marks
        return verdicts, spent
