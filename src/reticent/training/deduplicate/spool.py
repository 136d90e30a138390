"""The documents of a corpus as one run of bytes on disk, to be read at any place."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from reticent.core import BadInput, Ints
from reticent.training.deduplicate.exact import Bytes, Spans


@final
@dataclass(frozen=True, slots=True, eq=False)
class Spool:
    """Documents in UTF-8, one behind the other.

    Attributes:
        folder: where it is kept: `text`, `bounds.npy`, `ids.jsonl`.
        data: (n,) bytes, memory mapped.
        bounds: (d + 1,) where documents begin, and the end of the last.
    """

    folder: Path
    data: Bytes
    bounds: Ints

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def text(self, document: int) -> str:
        """Return a document."""
        a, b = self.bounds[document : document + 2]
        return bytes(self.data[a:b]).decode("utf-8", "replace")

    def ids(self) -> Iterator[str]:
        """Yield the documents' names."""
        with (self.folder / "ids.jsonl").open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def write_spool(folder: Path, documents: Iterable[tuple[str, Iterable[str]]]) -> Spool:
    """Return the documents written to a folder.

    Args:
        folder: made if it is not there.
        documents: name, and text in parts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bounds = [0]
    with (
        (folder / "text").open("wb") as data,
        (folder / "ids.jsonl").open("w", encoding="utf-8") as ids,
    ):
        for name, parts in documents:
            size = sum(data.write(part.encode("utf-8", "replace")) for part in parts)
            bounds.append(bounds[-1] + size)
            ids.write(json.dumps(name) + "\n")
    np.save(folder / "bounds.npy", np.array(bounds, dtype=np.int64))
    return open_spool(folder)


def open_spool(folder: Path) -> Spool:
    """Return what was written there.

    Raises: BadInput if it is not whole.
    """
    try:
        bounds = np.load(folder / "bounds.npy")
        size = (folder / "text").stat().st_size
        if size != bounds[-1]:
            raise ValueError(f"{size} bytes instead of {bounds[-1]}")
        data: Any = np.empty(0, np.uint8)
        if size:
            data = np.memmap(folder / "text", dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder} holds no documents that could be read ({error}).",
            way_out="Delete it and start anew.",
        ) from error
    return Spool(folder, data, bounds)


def without(spool: Spool, spans: Spans, folder: Path) -> Spool:
    """Return the documents without some spans, written to another folder; each keeps its place."""
    ids = spool.ids()
    at = np.searchsorted(spans.ends, spool.bounds[:-1], side="right")

    def documents() -> Iterator[tuple[str, Iterable[str]]]:
        for document, first in enumerate(at.tolist()):
            yield next(ids), _parts(spool, document, spans, first)

    return write_spool(folder, documents())


def _parts(spool: Spool, document: int, spans: Spans, first: int) -> Iterator[str]:
    begin, end = (int(each) for each in spool.bounds[document : document + 2])
    i = first
    while begin < end:
        start = min(int(spans.starts[i]), end) if i < len(spans) else end
        if start > begin:
            yield bytes(spool.data[begin:start]).decode("utf-8", "replace")
        begin = max(begin, int(spans.ends[i])) if i < len(spans) else end
        i += 1
