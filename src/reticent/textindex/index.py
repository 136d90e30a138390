"""An index that is open: its segments, and a text that is read against them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from reticent.core import BadInput
from reticent.textindex import layout
from reticent.textindex.entities import tag_of
from reticent.textindex.keys import IndexKey, read_key
from reticent.textindex.numba_extra import compiled
from reticent.textindex.segment import REBUILD, Document, Segment, open_segment

MANIFEST = "index.json"
KEY = "key"
FORMAT = "reticent-text-index"
MOST_KEPT = 256  # states of 70 kB


@dataclass(frozen=True, slots=True)
class Hit:
    """Bytes of a folded text that the corpus holds, too.

    Attributes:
        near: nearly; otherwise exactly.
        start: of the first byte.
        end: behind the last so far.
        known: how much of the text had been read when this was first known.
    """

    near: bool
    start: int
    end: int
    known: int


@dataclass(frozen=True, slots=True, eq=False)
class TextIndex:
    """An index of texts, mapped into memory.

    Attributes:
        path: its folder.
        key: its key.
        least: every span of so many folded bytes that it holds is found.
        segments: its files.
        manifest: what its `index.json` says.
        has_items: whether short items were taken in, too.
        halves: what keys the hashes of blocks.
        scan: the compiled loop of `kernels` that reads a text.
        mark: the one that says where blocks of a segment end.
        kept: states of texts that were read to the end, for the next ones.
    """

    path: Path
    key: IndexKey
    least: int
    segments: tuple[Segment, ...]
    manifest: dict[str, Any]
    has_items: bool
    halves: tuple[np.uint64, np.uint64] = field(repr=False)
    scan: Callable[..., int] = field(repr=False)
    mark: Callable[..., None] = field(repr=False)
    kept: list[npt.NDArray[np.int64]] = field(repr=False)
    _item_key: bytes = field(repr=False)

    @property
    def chars(self) -> int:
        """Return how many folded bytes it holds."""
        return sum(segment.chars for segment in self.segments)

    def documents(self) -> list[Document]:
        """Return all documents."""
        return [each for segment in self.segments for each in segment.documents()]

    def holds_item(self, form: str) -> bool:
        """Return whether a short item, see `entities.items`, stands in the corpus."""
        tag = np.uint64(tag_of(form, self._item_key))
        for segment in self.segments:
            tags = segment.items()["tag"]
            place = int(np.searchsorted(tags, tag))
            if place < tags.size and tags[place] == tag:
                return True
        return False


@final
class Reading:
    """One text that is read against an index, byte by byte in the end.

    Args:
        index: of what must not be said.
        allow: of what may be said all the same: a span that it holds is no hit, and neither is a
            near copy of what is in it.
        near: look for near copies, too.
    """

    def __init__(self, index: TextIndex, allow: TextIndex | None, *, near: bool) -> None:
        self._scan, self._mark = index.scan, index.mark
        self._least = index.least
        self._kept = index.kept
        self._states = [_state(near, self._kept) for _ in index.segments]
        self._own = _bound(index, self._states)
        self._allow_states: list[npt.NDArray[np.int64]] = []
        self._allow: list[tuple[Any, ...]] = []
        if allow is not None:
            self._allow_states = [_state(near, self._kept) for _ in allow.segments]
            self._allow = _bound(allow, self._allow_states)
        self._read = 0

    def __del__(self) -> None:
        """Leave the states to the next text: memory that the system has to find costs more."""
        if len(self._kept) < MOST_KEPT:
            self._kept += self._states
            self._kept += self._allow_states

    def read(self, folded: bytes) -> list[Hit]:
        """Return what is known to be in the corpus now that these folded bytes are read, too.

        A hit that goes on comes again, longer, with the next bytes.
        """
        if len(folded) <= layout.SLICE:
            return self._slice(folded)
        hits: list[Hit] = []
        for start in range(0, len(folded), layout.SLICE):
            hits += self._slice(folded[start : start + layout.SLICE])
        return hits

    def _slice(self, folded: bytes) -> list[Hit]:
        allowed = 0
        for state, data, k0, k1 in self._allow:
            allowed += self._scan(state, folded, data, k0, k1)
        found = 0
        for state, data, k0, k1 in self._own:
            found += self._scan(state, folded, data, k0, k1)
        before, self._read = self._read, self._read + len(folded)
        return self._hits(before, allowed > 0) if found else []

    def _hits(self, before: int, allowed: bool) -> list[Hit]:
        least = self._least
        # Of a run of bytes each of which ends a span: where it begins and where it ends.
        free: list[tuple[int, int]] = []
        if allowed:
            for state in self._allow_states:
                free += [(s + least, e) for near, s, e in _events(state) if not near]
        hits = []
        for state in self._states:
            for near, start, end in _events(state):
                if near:
                    if not self._is_allowed(state, start, end):
                        hits.append(Hit(True, start, end, end))
                    continue
                for first, last in _without((max(start + least, before + 1), end), free):
                    hits.append(Hit(False, first - least, last, first))
        return hits

    def _is_allowed(self, state: npt.NDArray[np.int64], start: int, end: int) -> bool:
        """Return whether at least half of what a near copy was told by stands in the allow-list."""
        own = next(self._marks(each, start, end) for each in self._own if each[0] is state)
        least = (int(own.sum()) + 1) // 2
        return least > 0 and any(
            int(self._marks(each, start, end).sum()) >= least for each in self._allow
        )

    def _marks(self, bound: tuple[Any, ...], start: int, end: int) -> npt.NDArray[np.uint8]:
        """Return at which bytes of the text blocks of a segment end."""
        state, data, k0, k1 = bound
        marks = np.empty(end - max(start, 0) + 1, dtype=np.uint8)
        self._mark(marks, state, max(start, 0), end, data, k0, k1)
        return marks

    def said(self, start: int, end: int) -> bytes:
        """Return folded bytes that were read not long ago."""
        ring = self._states[0][layout.HISTORY : layout.HISTORY + layout.RING // 8].view(np.uint8)
        return ring[np.arange(start, end) % layout.RING].tobytes()


def _state(near: bool, kept: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    try:
        state = kept.pop()
    except IndexError:
        state = np.empty(layout.STATE_WORDS, dtype=np.int64)
    state[: layout.ZEROED] = 0
    state[layout.W_RUN] = -1
    if near:
        state[layout.W_NEAR_ON] = 1
    return state


def _bound(index: TextIndex, states: Sequence[npt.NDArray[np.int64]]) -> list[tuple[Any, ...]]:
    k0, k1 = index.halves
    return [(state, s.data, k0, k1) for state, s in zip(states, index.segments, strict=True)]


def _events(state: npt.NDArray[np.int64]) -> list[list[int]]:
    n = int(state[layout.W_EVENTS])
    found: list[list[int]] = state[layout.EVENTS : layout.EVENTS + 3 * n].reshape(n, 3).tolist()
    return found


def _without(run: tuple[int, int], free: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left of a run of numbers without others; both ends belong to a run.

    >>> _without((3, 9), [(5, 6), (9, 12)])
    [(3, 4), (7, 8)]
    """
    left = [run] if run[0] <= run[1] else []
    for first, last in free:
        left = (
            [
                part
                for a, b in left
                for part in ((a, min(b, first - 1)), (max(a, last + 1), b))
                if part[0] <= part[1]
            ]
            if any(a <= last and first <= b for a, b in left)
            else left
        )
    return left


def read_manifest(path: Path) -> dict[str, Any]:
    """Return what an index says of itself.

    Raises: BadInput if there is none, or it is of another version.
    """
    place = path / MANIFEST
    try:
        said = json.loads(place.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadInput(
            f"There is no text index in {path}.", way_out="Build one with: reticent index CORPUS"
        ) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{place} cannot be read ({error}).", way_out=REBUILD) from error
    if type(said) is not dict or said.get("format") != FORMAT:
        raise BadInput(f"{place} describes no text index.", way_out=REBUILD)
    if said.get("version") != layout.VERSION:
        raise BadInput(
            f"{path} is a text index of version {said.get('version')}; this release reads "
            f"{layout.VERSION}.",
            way_out=REBUILD,
        )
    names = said.get("segments")
    if type(names) is not list or any(
        type(name) is not str or Path(name).name != name for name in names
    ):
        raise BadInput(f"{place} names no segments.", way_out=REBUILD)
    return said


def open_index(path: Path, *, key: Path | None = None, check: bool = True) -> TextIndex:
    """Return an index, mapped read-only, with its inner loops compiled.

    Args:
        path: its folder.
        key: file of its key; None for the one that lies in the folder.
        check: also read all of it and compare checksums.

    Raises: BadInput for an index that cannot be relied on in any way, or without numba.
    """
    manifest = read_manifest(path)
    secret = read_key(key or path / KEY)
    segments = tuple(
        open_segment(path / name, secret, check=check) for name in manifest["segments"]
    )
    least = manifest.get("least")
    if type(least) is not int or any(segment.least != least for segment in segments):
        raise BadInput(f"The segments of {path} do not go together.", way_out=REBUILD)
    loops = compiled()
    index = TextIndex(
        path=path,
        key=secret,
        least=least,
        segments=segments,
        manifest=manifest,
        has_items=bool(manifest.get("items")),
        halves=secret.halves,
        scan=loops.scan,
        mark=loops.mark,
        kept=[],
        _item_key=secret.derived(b"items"),
    )
    # Compiled now, not when the first caller waits.
    Reading(index, None, near=True).read(b"warm")
    for segment in segments[:1]:
        index.mark(
            np.empty(1, dtype=np.uint8),
            _state(True, index.kept),
            0,
            0,
            segment.data,
            *secret.halves,
        )
    return index
