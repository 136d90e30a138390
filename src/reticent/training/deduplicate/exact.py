"""Every stretch of text that stood in the corpus before, word for word."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reticent.core import BadInput, Bools, Ints

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]

#: Shortest repetition by default; sentences are longer, common phrases are not.
LEAST_BYTES = 50
MEMORY_BYTES = 1 << 28
_CHUNK = 1 << 20
#: What sorting needs for each window of a pass: hashes, places and their order.
_WINDOW_BYTES = 40
_ODD = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


@final
@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Stretches of a corpus, apart from each other and in order.

    Attributes:
        starts: (s,) the first byte of each.
        ends: (s,) behind the last.
    """

    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size_bytes(self) -> int:
        """Return the bytes in all of them."""
        return int((self.ends - self.starts).sum())


def repeated_spans(
    data: Bytes,
    bounds: Ints,
    *,
    least_bytes: int = LEAST_BYTES,
    memory_bytes: int = MEMORY_BYTES,
    marks: Path | None = None,
    first_pass: int = 0,
    listen: Callable[[int, int], None] = lambda _done, _total: None,
) -> Spans:
    """Return what can be left out so that every repetition stays once, where it stood first.

    A byte is in a span if, within its document, it is part of `least_bytes` bytes that stood
    before, in any document, without overlapping. Windows at every byte are compared by a rolling
    hash, and byte for byte where two agree: nothing is missed, nothing is taken for another. The
    windows are dealt to as many passes as the memory needs. Spans end between characters.

    Args:
        data: (n,) UTF-8, one document after the other; may be a memory map.
        bounds: (d + 1,) where documents begin, and the end of the last.
        least_bytes: shortest repetition.
        memory_bytes: for the windows of one pass.
        marks: file for the marks of windows, n bytes; kept in memory if None.
        first_pass: passes whose marks are in that file already, from an earlier run with the same
            data and settings.
        listen: called with the passes done and those in all.
    """
    if least_bytes < 8:
        raise BadInput(
            f"Repetitions of {least_bytes} bytes are words; the least is 8.",
            way_out=f"Take {LEAST_BYTES}, or what a secret of yours is long.",
        )
    n = len(data)
    if n == 0:
        return Spans(np.empty(0, np.int64), np.empty(0, np.int64))
    found: Any
    if marks is None:
        found = np.zeros(n, dtype=np.uint8)
    else:
        fresh = first_pass == 0 or not marks.exists() or marks.stat().st_size != n
        first_pass = 0 if fresh else first_pass
        found = np.memmap(marks, dtype=np.uint8, mode="w+" if fresh else "r+", shape=(n,))
    passes = max(1, math.ceil(n * _WINDOW_BYTES / memory_bytes))
    for each in range(first_pass, passes):
        _mark(data, bounds, least_bytes, each, passes, found)
        if marks is not None:
            found.flush()
        listen(each + 1, passes)
    return _united(data, found, least_bytes)


def window_hashes(data: Bytes, length: int) -> Hashes:
    """Return (n - length + 1,) a hash of each window of bytes, equal for equal windows.

    A polynomial modulo 2^64 of a random value for each byte, from prefix sums; its weak low bits
    are mixed. Equal hashes are compared byte for byte afterwards.
    """
    if len(data) < length:
        return np.empty(0, np.uint64)
    table = np.random.default_rng(1978).integers(1, _WORD, size=256, dtype=np.uint64)
    power = np.full(len(data), _ODD, dtype=np.uint64)
    power[0] = 1
    power = np.multiply.accumulate(power)
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum(table[data] * power, out=sums[1:])
    back = np.full(len(data) - length + 1, pow(_ODD, -1, 1 << 64), dtype=np.uint64)
    back[0] = 1
    found = (sums[length:] - sums[:-length]) * np.multiply.accumulate(back)
    found ^= found >> np.uint64(32)
    found *= np.uint64(0xD6E8FEB86659FD93)
    found ^= found >> np.uint64(32)
    return found


def _chunks(data: Bytes, bounds: Ints, length: int) -> Iterator[tuple[Ints, Hashes]]:
    """Yield places and hashes of the windows that lie within one document."""
    for begin in range(0, len(data), _CHUNK):
        hashes = window_hashes(np.asarray(data[begin : begin + _CHUNK + length - 1]), length)
        places = np.arange(begin, begin + len(hashes))
        ends = bounds[np.searchsorted(bounds, places, side="right")]
        inside = places + length <= ends
        yield places[inside], hashes[inside]


def _mark(data: Bytes, bounds: Ints, length: int, each: int, passes: int, found: Any) -> None:
    """Mark the windows of one pass that stood before."""
    parts = []
    for places, hashes in _chunks(data, bounds, length):
        mine = slice(None) if passes == 1 else hashes % np.uint64(passes) == each
        parts.append((places[mine], hashes[mine]))
    places = np.concatenate([p for p, _ in parts])
    hashes = np.concatenate([h for _, h in parts])
    order = np.argsort(hashes, kind="stable")  # of equal ones, the first place first
    places, hashes = places[order], hashes[order]
    if not len(hashes):
        return
    new = np.append(True, hashes[1:] != hashes[:-1])
    first = places[np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))]
    later = np.flatnonzero(~new)
    same = _equal(data, places[later], first[later], length)
    found[places[later[same & (places[later] - first[later] >= length)]]] = 1
    for value in np.unique(hashes[later[~same]]):  # other text with the same hash
        _by_bytes(data, places[hashes == value], length, found)


def _equal(data: Bytes, a: Ints, b: Ints, length: int) -> Bools:
    """Return (k,) whether the windows at two places are the same bytes."""
    same = np.empty(len(a), dtype=bool)
    step = max(1, (1 << 22) // length)
    offsets = np.arange(length)
    for i in range(0, len(a), step):
        left = data[a[i : i + step, None] + offsets]
        same[i : i + step] = (left == data[b[i : i + step, None] + offsets]).all(axis=1)
    return same


def _by_bytes(data: Bytes, places: Ints, length: int, found: Any) -> None:
    first: dict[bytes, int] = {}
    for place in places.tolist():
        at = first.setdefault(data[place : place + length].tobytes(), place)
        found[place] = place - at >= length


def _united(data: Bytes, found: Any, length: int) -> Spans:
    """Return the windows marked, those that touch put together, cut to whole characters."""
    starts: list[int] = []
    ends: list[int] = []
    for begin in range(0, len(found), _CHUNK):
        at = begin + np.flatnonzero(found[begin : begin + _CHUNK])
        if not len(at):
            continue
        cut = np.flatnonzero(np.diff(at) > length)
        for a, b in zip(at[np.append(0, cut + 1)], at[np.append(cut, -1)] + length, strict=True):
            if ends and a <= ends[-1]:
                ends[-1] = int(b)
            else:
                starts.append(int(a))
                ends.append(int(b))
    for i in range(len(starts)):
        while starts[i] < ends[i] and _inside_character(data, starts[i]):
            starts[i] += 1
        while ends[i] > starts[i] and _inside_character(data, ends[i]):
            ends[i] -= 1
    return Spans(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))


def _inside_character(data: Bytes, at: int) -> bool:
    return at < len(data) and (int(data[at]) & 0xC0) == 0x80
