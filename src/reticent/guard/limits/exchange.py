"""What waits for the shared store, sent a batch at a time.

Requests go on within the call that brought the store's answer, and what waited meanwhile is sent
before they do: neither takes a task, or a turn of the event loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, final

from valkey.exceptions import NoScriptError

from reticent.guard.limits.admissions import GRANTED
from reticent.guard.limits.gcra import US_PER_S
from reticent.guard.limits.link import Link, StoreAway, sha_of
from reticent.guard.limits.marks import Mark, Marks
from reticent.guard.limits.wire import Batch, Group, Packed, bulk, pack
from reticent.guard.turns import Wait
from reticent.guard.types import Admission, Scope

_KNOWN_MOST = 10_000
_NO_TICKET = bulk(b"")
_T = TypeVar("_T")


class Slots:
    """Slots of a request in the store; renewed until they are given back, once."""

    __slots__ = ("group", "renewed_s", "ticket")

    def __init__(self, group: Group, ticket: bytes) -> None:
        self.group = group
        self.ticket = ticket  # as RESP
        self.renewed_s = 0.0


class Ask:
    """A request that waits for the store.

    Attributes:
        answer: what the store said; None before the wait is over, and if it could not be asked.
        wait: is over when there is an answer, or with StoreAway.
    """

    __slots__ = ("answer", "group", "rows", "slots", "wait")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, group: Group, rows: int, slots: Slots | None
    ) -> None:
        self.group = group
        self.rows = rows
        self.slots = slots
        self.answer: Admission | None = None
        self.wait = Wait(loop)
        self.wait.begin()


@final
class _Sent:
    """A batch under way."""

    __slots__ = ("again", "asks", "batch", "sent_s", "words")

    def __init__(self, batch: Batch, asks: list[Ask], words: bytes, sent_s: float) -> None:
        self.batch = batch
        self.asks = asks
        self.words = words
        self.sent_s = sent_s
        self.again = False


class Exchange:
    """Requests, slots to give back and slots to renew; one batch is under way at a time.

    Args:
        link: the connection.
        marks: told what was spent after every grant.
        on_answer: called when another batch may be sent.
        on_unknown: called with what goes on when the script, which the store has lost, is back.
        on_fault: called if the store cannot be asked; those who waited have been told.
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
        on_answer: Callable[[], None],
        on_unknown: Callable[[Callable[[], None]], None],
        on_fault: Callable[[Exception], None],
        script: str,
        name: str,
        prefix: str,
        clock: Callable[[], float],
        slot_lease_s: float,
        most_at_once: int,
    ) -> None:
        self._link = link
        self._marks = marks
        self._on_answer = on_answer
        self._on_unknown = on_unknown
        self._on_fault = on_fault
        self._sha = sha_of(script).encode()
        self._name = name.encode()
        self._prefix = prefix
        self._clock = clock
        self._slot_lease_s = slot_lease_s
        self._most_at_once = most_at_once
        self._epoch_key = bulk(f"{prefix}epoch".encode())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._packed: dict[str, Packed] = {}
        self._groups: dict[int, Group] = {}
        self._waiting: deque[Ask] = deque()
        self._over: deque[Slots] = deque()
        self._due: deque[Slots] = deque()
        self._held: dict[Slots, None] = {}
        self._tickets = 0
        self.under_way = False

    @property
    def busy(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._waiting or self._over or self._due)

    def ask(self, scopes: Sequence[Scope], rows: int) -> Ask:
        """Let a request wait; the answer comes with a batch, or is StoreAway."""
        group = self._groups.get(id(scopes))
        if group is None or group.scopes is not scopes:
            group = self._group(scopes)
        slots: Slots | None = None
        if group.slots:
            self._tickets += 1
            slots = Slots(group, bulk(b"%b:%d" % (self._name, self._tickets)))
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        asked = Ask(loop, group, rows, slots)
        self._waiting.append(asked)
        return asked

    def _group(self, scopes: Sequence[Scope]) -> Group:
        if len(self._groups) >= _KNOWN_MOST or len(self._packed) >= _KNOWN_MOST:
            self._groups.clear()
            self._packed.clear()
        packed = []
        for scope in scopes:
            one = self._packed.get(scope.key)
            if one is None or one.scope is not scope:
                one = self._packed[scope.key] = pack(scope, self._prefix)
            packed.append(one)
        slots = any(scope.concurrent is not None for scope in scopes)
        group = Group(scopes, tuple(packed), slots)
        self._groups[id(scopes)] = group  # which it keeps alive, so that nothing else gets the id
        return group

    def give_up(self, slots: Slots) -> None:
        """Let slots wait to be given back; those that are not held already are not."""
        if slots in self._held:
            del self._held[slots]
            self._over.append(slots)

    def give_all_up(self) -> None:
        """Let all slots wait to be given back."""
        for slots in [*self._held]:
            self.give_up(slots)

    def renew_old(self) -> None:
        """Let slots that are a third through their lease wait to be renewed."""
        before_s = self._clock() - self._slot_lease_s / 3
        self._due = deque(s for s in self._held if s.renewed_s <= before_s)

    def refuse_all(self, why: str) -> None:
        """Answer all that waits with StoreAway; leases end by themselves."""
        self._over.clear()
        while self._waiting:
            _refuse([self._waiting.popleft()], why)

    def send(self, epoch: bytes) -> None:
        """Send a batch of what waits, unless one is under way."""
        if self.under_way or not self.busy:
            return
        self.under_way = True
        asks = _pop(self._waiting, self._most_at_once)
        over = _pop(self._over, self._most_at_once)
        renew = [s for s in _pop(self._due, self._most_at_once) if s in self._held]
        now_s = self._clock()
        for slots in renew:
            slots.renewed_s = now_s
        batch = Batch(
            [(s.group, s.ticket) for s in over],
            [(s.group, s.ticket) for s in renew],
            [(a.rows, a.group, a.slots.ticket if a.slots else _NO_TICKET) for a in asks],
        )
        words = batch.written(
            self._sha,
            self._epoch_key,
            epoch,
            counts=(len(over), len(renew), len(asks)),
            lease_us=int(self._slot_lease_s * US_PER_S),
        )
        self._post(_Sent(batch, asks, words, now_s))

    def _post(self, sent: _Sent) -> None:
        self._link.post(sent.words, lambda answer: self._answered(sent, answer))

    def _answered(self, sent: _Sent, answer: Any) -> None:
        if isinstance(answer, NoScriptError) and not sent.again:
            sent.again = True
            self._on_unknown(lambda: self._post(sent))
            return
        self.under_way = False
        if type(answer) is bytes and (answer or not sent.asks):
            self._on_answer()  # what waited goes first, so that the store need not wait
            self._hand_out(sent, answer)
            return
        if type(answer) is bytes:
            answer = StoreAway("it has forgotten, or another replica has to tell it what it knows")
        elif not isinstance(answer, Exception):
            answer = StoreAway(f"it answered {answer!r:.80}")
        _refuse(sent.asks, "no answer")
        self._on_fault(answer)

    def _hand_out(self, sent: _Sent, answer: bytes) -> None:
        asks, sent_s = sent.asks, sent.sent_s
        if not asks:
            return
        verdicts, spent = sent.batch.read(answer, [one.group for one in asks])
        sent_us = int(sent_s * US_PER_S)
        for packed, lifetime_rows, windows in spent:
            rows = dict(zip(packed.widths_us, windows, strict=True))
            self._marks.note(packed.scope.key, Mark(sent_us, lifetime_rows, rows))
        for one, refused in zip(asks, verdicts, strict=True):
            slots = one.slots if refused is None else None
            if slots is not None:
                slots.renewed_s = sent_s
                self._held[slots] = None
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
