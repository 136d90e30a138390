"""What a replica last saw of budgets that last: its part of the store's memory."""

import json
import math
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reticent.guard.limits.gcra import BUCKETS
from reticent.guard.limits.shelf import Shelf

_SELF = "\0self"  # sorts before every key


@dataclass(frozen=True, slots=True)
class Mark:
    """What was spent of a scope when this replica last booked on it.

    Attributes:
        seen_us: when that was, by this replica's clock, just before it asked.
        lifetime_rows: 0 if none are counted.
        windows: rows by sub-window length.
    """

    seen_us: int
    lifetime_rows: int
    windows: Mapping[int, int]

    def keep_until_us(self) -> float:
        """Return when this may be forgotten."""
        if self.lifetime_rows:
            return math.inf
        return max((self.seen_us + (BUCKETS + 2) * w for w in self.windows), default=0)


@dataclass(frozen=True, slots=True)
class Self:
    """What a replica remembers of itself.

    Attributes:
        name: its name, for as long as the state folder lives.
        epoch: the store's epoch that it last joined; "" if none.
        members: names of all replicas it has heard of.
    """

    name: str
    epoch: str
    members: tuple[str, ...]


class Marks:
    """High-water marks on disk; those of the last second or so are still in memory.

    The last replica to book on a scope saw its exact count; so the greatest of all replicas' marks
    is what was spent, and a store that forgot can be told.

    Args:
        path: the file; None for none.
        clock: returns seconds since 1970.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float]) -> None:
        self._shelf = Shelf(path)
        self._clock = clock
        self._fresh: dict[str, Mark] = {}
        self._writing: dict[str, Mark] = {}

    async def read_self(self, name: str) -> Self:
        """Return what is known of this replica; `name` if it has none yet."""
        texts = await self._shelf.get([_SELF])
        if _SELF not in texts:
            return Self(name, "", ())
        kept = json.loads(texts[_SELF])
        return Self(kept["name"], kept["epoch"], tuple(kept["members"]))

    async def write_self(self, own: Self) -> None:
        """Keep what is known of this replica."""
        text = json.dumps({"name": own.name, "epoch": own.epoch, "members": own.members})
        await self._shelf.put([(_SELF, math.inf, text)])

    def note(self, key: str, mark: Mark) -> None:
        """Remember a mark; on disk after the next `flush`."""
        self._fresh[key] = mark

    async def find(self, key: str) -> Mark | None:
        """Return the last mark of a key."""
        mark = self._fresh.get(key) or self._writing.get(key)
        if mark is None:
            text = (await self._shelf.get([key])).get(key)
            mark = None if text is None else _read(text)
        return mark

    async def flush(self) -> None:
        """Write what is fresh, and forget what no longer matters.

        Raises: sqlite3.Error; what was not written is tried again.
        """
        if not self._fresh:
            return
        self._writing, self._fresh = self._fresh, {}
        try:
            await self._shelf.put(
                [(k, mark.keep_until_us(), _text(mark)) for k, mark in self._writing.items()]
            )
            await self._shelf.forget_before(self._clock() * 1e6)
        except BaseException:
            self._fresh = {**self._writing, **self._fresh}
            raise
        finally:
            self._writing = {}

    async def chunks(self) -> AsyncIterator[dict[str, Mark]]:
        """Yield all marks on disk, some hundred at a time."""
        after = _SELF
        while texts := await self._shelf.chunk(after):
            yield {key: _read(text) for key, text in texts.items()}
            after = max(texts)

    async def close(self) -> None:
        """Write all and close the file."""
        try:
            await self.flush()
        finally:
            await self._shelf.close()


def _text(mark: Mark) -> str:
    return json.dumps([mark.seen_us, mark.lifetime_rows, [*mark.windows.items()]])


def _read(text: str) -> Mark:
    seen_us, lifetime_rows, windows = json.loads(text)
    return Mark(seen_us, lifetime_rows, dict(windows))
