"""Coming to one view with the shared store, after a start, an outage or a loss of its memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reticent.guard.limits.gcra import BUCKETS, US_PER_S
from reticent.guard.limits.link import Link, StoreAway
from reticent.guard.limits.marks import Mark, Marks, Self
from reticent.guard.limits.wire import JOIN

_SAFE_EVICTION = "noeviction"


class Joining:
    """Talks to the store outside of admissions.

    Args:
        link: the connection.
        marks: what this replica remembers.
        name: of this replica, if `marks` holds none.
        prefix: of all keys.
        clock: returns seconds since 1970; names new epochs.
    """

    def __init__(
        self, link: Link, marks: Marks, *, name: str, prefix: str, clock: Callable[[], float]
    ) -> None:
        self._link = link
        self._marks = marks
        self._prefix = prefix
        self._clock = clock
        self.name = name
        self._own = Self(name, "", ())
        self._keys = [f"{prefix}epoch", f"{prefix}members", f"{prefix}seeded"]

    async def join(self) -> bytes:
        """Connect, tell a store that forgot what this replica knows, and return the epoch.

        Raises: StoreAway, also while other replicas have not told theirs; sqlite3.Error.
        """
        await self._link.connect()
        server, memory = await self._info("server"), await self._info("memory")
        policy = memory.get("maxmemory_policy", _SAFE_EVICTION)
        if memory.get("maxmemory", "0") != "0" and policy != _SAFE_EVICTION:
            raise StoreAway(
                f"its maxmemory-policy is {policy}, which drops what callers have spent; set it "
                f"to {_SAFE_EVICTION}"
            )
        if "run_id" not in server:
            raise StoreAway("it does not tell its run_id; allow this user the command INFO")
        own = await self._marks.read_self(self.name)
        self.name = own.name
        fresh = f"{own.name}-{int(self._clock() * US_PER_S)}"
        state = await self._link.call(
            JOIN, self._keys, "join", own.name, server["run_id"], fresh, own.epoch, *own.members
        )
        if state[1] == b"1":
            await self._seed()
            state = await self._link.call(JOIN, self._keys, "seeded", own.name)
        epoch: bytes = state[0]
        members = {m.decode() for m in state[3]}
        if state[2] != b"1":
            members.update(own.members)  # a store that forgot may not know them all yet
        now = Self(own.name, epoch.decode(), tuple(sorted(members)))
        if now != own:
            await self._marks.write_self(now)
        self._own = now
        if state[2] != b"1":
            raise StoreAway("it has forgotten, and other replicas have to tell it what they know")
        return epoch

    async def learn(self) -> None:
        """Hear of replicas that came or were given up, so that none is missed after a loss.

        Raises: StoreAway; sqlite3.Error.
        """
        members = await self._link.ask("SMEMBERS", self._keys[1])
        now = replace(self._own, members=tuple(sorted(m.decode() for m in members)))
        if now != self._own and self.name in now.members:
            await self._marks.write_self(now)
            self._own = now

    @property
    def members(self) -> tuple[str, ...]:
        """All replicas that this one knows of."""
        return self._own.members

    async def _info(self, section: str) -> dict[str, str]:
        answer = await self._link.ask("INFO", section)
        text = answer.decode() if isinstance(answer, bytes) else str(answer)
        pairs = (line.partition(":") for line in text.splitlines())
        return {name: value.strip() for name, _, value in pairs}

    async def _seed(self) -> None:
        await self._marks.flush()
        now_us = int(self._clock() * US_PER_S)
        async for marks in self._marks.chunks():
            told = {key: _live(mark, now_us) for key, mark in marks.items()}
            told = {key: mark for key, mark in told.items() if mark.lifetime_rows or mark.windows}
            if not told:
                continue
            words: list[str | int] = []
            for mark in told.values():
                words += [mark.lifetime_rows, len(mark.windows)]
                words += [number for window in mark.windows.items() for number in window]
            keys = [f"{self._prefix}{key}" for key in told]
            await self._link.call(JOIN, [*self._keys, *keys], "seed", *words)

    async def book(self, rows: Sequence[tuple[str, int, int]]) -> None:
        """Book (key, rows, units per row or 0) that were granted without the store.

        Raises: StoreAway.
        """
        keys = [f"{self._prefix}{key}" for key, _, _ in rows]
        words = [number for _, spent, unit in rows for number in (spent, unit)]
        await self._link.call(JOIN, [*self._keys, *keys], "book", *words)

    async def accept_loss(self) -> tuple[str, ...]:
        """Forget the members that have not told what they know; return their names.

        Raises: StoreAway.
        """
        await self._link.connect()
        gone = await self._link.ask("SDIFF", self._keys[1], self._keys[2])
        await self._link.call(JOIN, self._keys, "accept")
        return tuple(sorted(m.decode() for m in gone))

    async def spent(self, key: str) -> Mapping[str, float]:
        """Return what the store holds of a key; windows from the shortest to the longest.

        Raises: StoreAway.
        """
        wire = f"{self._prefix}{key}"
        seconds, micros = await self._link.ask("TIME")
        now_us = int(seconds) * US_PER_S + int(micros)
        flat = await self._link.ask("HGETALL", wire)
        got = {
            name.decode(): int(value)
            for name, value in zip(flat[::2], flat[1::2], strict=True)
            if name != b"e"
        }
        slots = await self._link.ask("ZCOUNT", f"{wire}:slots", now_us, "+inf")
        if not got and not slots:
            return {}
        level = max(0, got.get("l", 0) - max(0, now_us - got.get("a", 0)) * got.get("d", 0))
        windows = sorted(int(name[1:]) for name in got if name[0] == "t")
        return {
            "lifetime_rows": float(got.get("n", 0)),
            "rate_rows": level / got.get("u", 1),
            "concurrent": float(slots),
            **{
                f"rolling_rows_{i}": float(_in_window(got, width_us, now_us))
                for i, width_us in enumerate(windows)
            },
        }


def _in_window(got: Mapping[str, int], width_us: int, now_us: int) -> int:
    oldest = now_us // width_us - BUCKETS
    start = f"b{width_us}:"
    buckets = {int(name[len(start) :]): n for name, n in got.items() if name.startswith(start)}
    return sum(rows for bucket, rows in buckets.items() if bucket >= oldest)


def _live(mark: Mark, now_us: int) -> Mark:
    """Return a mark without the windows that have passed."""
    windows = {
        width_us: rows
        for width_us, rows in mark.windows.items()
        if rows and mark.seen_us + (BUCKETS + 2) * width_us > now_us
    }
    return Mark(mark.seen_us, mark.lifetime_rows, windows)
