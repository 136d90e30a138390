"""What waits for the shared store, sent a batch at a time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from valkey.exceptions import NoScriptError

from reticent.guard.limits.gcra import US_PER_S
from reticent.guard.limits.link import Link, StoreAway, sha_of
from reticent.guard.limits.marks import Mark, Marks
from reticent.guard.limits.memory import GRANTED
from reticent.guard.limits.wire import Packed, ask, batch, bulk, pack, verdict
from reticent.guard.turns import Wait
from reticent.guard.types import Admission, Scope

_PACKED_MOST = 10_000
_T = TypeVar("_T")


class Slots:
    """Slots of a request in the store; renewed until they are given back, once."""

    __slots__ = ("keys", "renewed_s", "ticket")

    def __init__(self, keys: list[bytes], ticket: bytes) -> None:
        self.keys = keys
        self.ticket = ticket
        self.renewed_s = 0.0


class Ask:
    """A request that waits for the store.

    Attributes:
        answer: what the store said; None before the wait is over, and if it could not be asked.
        wait: is over when there is an answer, or with StoreAway.
    """

    __slots__ = ("answer", "packed", "rows", "slots", "wait")

    def __init__(self, packed: list[Packed], rows: int, slots: Slots | None) -> None:
        self.packed = packed
        self.rows = rows
        self.slots = slots
        self.answer: Admission | None = None
        self.wait = Wait(asyncio.get_running_loop())
        self.wait.begin()


class Exchange:
    """Requests, slots to give back and slots to renew; one batch is under way at a time.

    Args:
        link: the connection.
        marks: told what was spent after every grant.
        script: what decides.
        name: of this replica, in the names of its tickets.
        prefix: of all keys.
        clock: returns seconds since 1970.
        slot_lease_s: how long a slot stays taken unless renewed.
        most_at_once: of each kind in one batch.
    """

    def __init__(
        self,
        link: Link,
        marks: Marks,
        *,
        script: str,
        name: str,
        prefix: str,
        clock: Callable[[], float],
        slot_lease_s: float,
        most_at_once: int,
    ) -> None:
        self._link = link
        self._marks = marks
        self._sha = sha_of(script).encode()
        self._name = name.encode()
        self._prefix = prefix
        self._clock = clock
        self._slot_lease_s = slot_lease_s
        self._most_at_once = most_at_once
        self._epoch_key = bulk(f"{prefix}epoch".encode())
        self._packed: dict[str, Packed] = {}
        self._waiting: deque[Ask] = deque()
        self._over: deque[Slots] = deque()
        self._due: deque[Slots] = deque()
        self._held: dict[bytes, Slots] = {}
        self._tickets = 0

    @property
    def busy(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting or self._over or self._due)

    def ask(self, scopes: Sequence[Scope], rows: int) -> Ask:
        """Let a request wait; the answer comes with a batch, or is StoreAway."""
        packed = []
        slots: Slots | None = None
        for scope in scopes:
            one = self._packed.get(scope.key)
            if one is None or one.scope is not scope:
                one = self._pack(scope)
            packed.append(one)
            if scope.concurrent is not None:
                if slots is None:
                    self._tickets += 1
                    slots = Slots([], b"%b:%d" % (self._name, self._tickets))
                slots.keys.append(one.key)
        asked = Ask(packed, rows, slots)
        self._waiting.append(asked)
        return asked

    def _pack(self, scope: Scope) -> Packed:
        if len(self._packed) >= _PACKED_MOST:
            self._packed.clear()
        one = self._packed[scope.key] = pack(scope, self._prefix)
        return one

    def give_up(self, slots: Slots) -> None:
        """Let slots wait to be given back; those that are not held already are not."""
        if self._held.pop(slots.ticket, None) is not None:
            self._over.append(slots)

    def give_all_up(self) -> None:
        """Let all slots wait to be given back."""
        for slots in [*self._held.values()]:
            self.give_up(slots)

    def renew_old(self) -> None:
        """Let slots that are a third through their lease wait to be renewed."""
        before_s = self._clock() - self._slot_lease_s / 3
        self._due = deque(s for s in self._held.values() if s.renewed_s <= before_s)

    def refuse_all(self, why: str) -> None:
        """Answer all that waits with StoreAway; leases end by themselves."""
        self._over.clear()
        while self._waiting:
            _refuse([self._waiting.popleft()], why)

    async def round_trip(self, epoch: bytes) -> None:
        """Send a batch and hand its answers out.

        Raises: StoreAway, also to those who wait for this batch.
        """
        asks = _pop(self._waiting, self._most_at_once)
        over = _pop(self._over, self._most_at_once)
        renew = [s for s in _pop(self._due, self._most_at_once) if s.ticket in self._held]
        now_s = self._clock()
        for slots in renew:
            slots.renewed_s = now_s
        leases = [*over, *renew]
        words = batch(
            self._sha,
            self._epoch_key,
            epoch,
            keys=[
                *[key for s in leases for key in s.keys],
                *[p.key for a in asks for p in a.packed],
            ],
            arguments=[
                *[bulk(s.ticket) for s in leases for _ in s.keys],
                *[ask(a.packed, a.rows, a.slots.ticket if a.slots else b"") for a in asks],
            ],
            counts=(sum(len(s.keys) for s in over), sum(len(s.keys) for s in renew), len(asks)),
            lease_us=int(self._slot_lease_s * US_PER_S),
        )
        try:
            try:
                answer = await self._link.send(words)
            except NoScriptError:
                await self._link.load()
                answer = await self._link.send(words)
            if not answer and asks:
                raise StoreAway("it has forgotten, or another replica has to tell it what it knows")
            self._hand_out(asks, answer, now_s)
        except BaseException:
            _refuse(asks, "no answer")
            raise

    def _hand_out(self, asks: Sequence[Ask], answer: bytes, sent_s: float) -> None:
        at, sent_us = 0, int(sent_s * US_PER_S)
        for one in asks:
            refused, spent, at = verdict(answer, at, one.packed)
            for packed, numbers in spent:
                windows = dict(zip(packed.widths_us, map(int, numbers[1:]), strict=True))
                mark = Mark(sent_us, max(0, int(numbers[0])), windows)
                self._marks.note(packed.scope.key, mark)
            slots = one.slots if refused is None else None
            if slots is not None:
                slots.renewed_s = sent_s
                self._held[slots.ticket] = slots
            if not one.wait.over:
                one.answer = refused or _granted(slots)
                one.wait.end()
            elif slots is not None:  # whoever asked is gone
                self.give_up(slots)


def _pop(queue: deque[_T], most: int) -> list[_T]:
    return [queue.popleft() for _ in range(min(len(queue), most))]


def _refuse(asks: Sequence[Ask], why: str) -> None:
    for one in asks:
        one.wait.end(StoreAway(why))


def _granted(slots: Slots | None) -> Admission:
    return GRANTED if slots is None else Admission(granted=True, ticket=slots)
