"""One segment of an index: a file that is written once, checked when opened, and mapped."""

import json
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from reticent.core import BadInput
from reticent.textindex import layout
from reticent.textindex.keys import IndexKey
from reticent.textindex.numba_extra import compiled

Bytes = npt.NDArray[np.uint8]

ENTRIES_A_BUCKET = 8
BLOOM_BITS = 10  # an entry
_ALIGNED = 64  # bytes: where a part of the file may begin
REBUILD = "Build the index again with: reticent index CORPUS"
_ITEM = np.dtype([("tag", "<u8"), ("document", "<u4")])


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a segment.

    Attributes:
        id: its name in the corpus.
        start: of its folded text, in the segment's; a multiple of 16.
        chars: folded bytes.
    """

    id: str
    start: int
    chars: int


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A segment that is open.

    Attributes:
        path: the file.
        least: shortest span that is found whatever its place.
        chars: folded bytes of all documents.
        entries: blocks in the table.
        bytes_beside_text: size of the file without the folded text.
        data: the file, mapped.
        text: the folded text, part of `data`.
    """

    path: Path
    least: int
    chars: int
    entries: int
    bytes_beside_text: int
    data: Bytes = field(repr=False)
    text: Bytes = field(repr=False)
    _fields: tuple[int, ...] = field(repr=False)

    def documents(self) -> list[Document]:
        """Return the documents, in the order of their text."""
        start, size = self._fields[layout.F_DOCUMENTS], self._fields[layout.F_DOCUMENTS_BYTES]
        lines = self.data[start : start + size].tobytes().decode("utf-8", "surrogatepass")
        return [Document(*json.loads(line)) for line in lines.splitlines()]

    def items(self) -> npt.NDArray[np.void]:
        """Return the short items: keyed tag and number of the document, ordered by tag."""
        start, n = self._fields[layout.F_ITEMS], self._fields[layout.F_N_ITEMS]
        return self.data[start : start + n * _ITEM.itemsize].view(_ITEM)


def padded(chars: int) -> int:
    """Return where the next document begins after one of so many bytes: a zero lies between."""
    return (chars // layout.BLOCK + 1) * layout.BLOCK


def write_segment(
    out: BinaryIO,
    documents: Sequence[Document],
    items: Sequence[tuple[int, int]],
    *,
    key: IndexKey,
    least: int,
) -> None:
    """Finish a file that has `HEADER_BYTES` of nothing and then the folded text.

    Args:
        out: the file, open for reading and writing, at its end.
        documents: whose text it is, each at `start` and with zeros up to the next.
        items: (keyed tag, number of the document) of short items.
        key: the index's.
        least: shortest span that must be found, 47 or more.
    """
    kernels = compiled()
    k0, k1 = key.halves
    n_blocks = (out.tell() - layout.HEADER_BYTES) // layout.BLOCK
    # So that what is read behind the last block is nothing.
    out.write(bytes(128 + -n_blocks * layout.BLOCK % _ALIGNED))
    out.flush()
    fields = np.zeros(layout.N_FIELDS, dtype="<i8")
    first = layout.HEADER_BYTES
    sums = kernels.first_sums(k0)
    flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
    with mmap.mmap(out.fileno(), out.tell(), flags=flags, prot=mmap.PROT_READ) as mapped:
        whole = np.frombuffer(mapped, dtype=np.uint8)[first:]
        text = whole[: n_blocks * layout.BLOCK + 64]
        kernels.sum_on(whole.view(np.uint64), sums)
        starts = np.zeros(kernels.PARTS + 1, dtype=np.int64)
        found = kernels.count_blocks(text, n_blocks, k0, k1, starts)
        hashes = np.empty(found, dtype=np.uint64)
        numbers = np.empty(found, dtype=np.uint32)
        kernels.deal(text, n_blocks, k0, k1, starts, hashes, numbers)
        buckets = np.zeros(max(1, n_blocks // ENTRIES_A_BUCKET) + 1, dtype=np.uint32)
        tags = np.empty(found, dtype=np.uint8)
        bloom = np.zeros(max(1, found * BLOOM_BITS // 64), dtype=np.uint64)
        kept = kernels.fill_tables(text, starts, hashes, numbers, least, buckets, tags, bloom)
        del text, whole, hashes
    listed = "".join(f"[{quoted(d.id)}, {d.start}, {d.chars}]\n" for d in documents).encode()
    told = np.array(sorted(items), dtype=_ITEM)
    for place, part in (
        (layout.F_BUCKETS, buckets),
        (layout.F_ENTRIES, numbers[:kept]),
        (layout.F_TAGS, tags[:kept]),
        (layout.F_BLOOM, bloom),
        (layout.F_ITEMS, told),
        (layout.F_DOCUMENTS, np.frombuffer(listed, dtype=np.uint8)),
    ):
        fields[place] = out.tell()
        said = part.view(np.uint8)
        even = said.size // _ALIGNED * _ALIGNED
        rest = said[even:].tobytes()
        rest += bytes(-len(rest) % _ALIGNED)
        for each in (said[:even], np.frombuffer(rest, dtype=np.uint8)):
            if each.size:
                kernels.sum_on(each.view(np.uint64), sums)
                out.write(each.data)
    total = out.tell()
    fields[layout.F_N_BLOCKS] = n_blocks
    fields[layout.F_N_BUCKETS] = buckets.size - 1
    fields[layout.F_BLOOM_WORDS] = bloom.size
    fields[layout.F_N_ENTRIES] = kept
    fields[layout.F_LEAST] = least
    fields[layout.F_TEXT] = first
    fields[layout.F_DOCUMENTS_BYTES] = len(listed)
    fields[layout.F_TOTAL_BYTES] = total
    fields[layout.F_CHARS] = sum(d.chars for d in documents)
    fields[layout.F_N_DOCUMENTS] = len(documents)
    fields[layout.F_N_ITEMS] = told.size
    summed = kernels.last_sum(sums, (total - first) // 8, k0)
    fields.view("<u8")[layout.F_SUM] = summed
    header = layout.MAGIC + bytes([layout.VERSION]) + key.check
    header = header.ljust(layout.FIELDS, b"\0") + fields.tobytes()
    header += key.derived(b"header" + header, 16)
    out.seek(0)
    out.write(header)
    out.flush()
    os.fsync(out.fileno())


def _sum_of(data: Bytes, key: IndexKey) -> int:
    """Return the sum of what follows the header."""
    kernels = compiled()
    words = data[layout.HEADER_BYTES :].view(np.uint64)
    sums = kernels.first_sums(key.halves[0])
    kernels.sum_on(words, sums)
    return int(kernels.last_sum(sums, words.size, key.halves[0]))


def open_segment(path: Path, key: IndexKey, *, check: bool = True) -> Segment:
    """Return a segment, mapped read-only.

    Args:
        path: the file.
        key: the index's.
        check: also read all of it and compare its checksum.

    Raises: BadInput for a file that is none, of another version or key, cut short or changed.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < layout.HEADER_BYTES:
                raise _broken(path, f"it has {size} bytes, less than its header alone")
            data = np.frombuffer(
                mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ), dtype=np.uint8
            )
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).", way_out=REBUILD) from error
    head = data[: layout.HEADER_BYTES].tobytes()
    if not head.startswith(layout.MAGIC):
        raise _broken(path, "it does not begin as one does")
    version = head[len(layout.MAGIC)]
    if version != layout.VERSION:
        raise BadInput(
            f"{path} is of version {version} of the index; this release reads {layout.VERSION}.",
            way_out=REBUILD + " (documents are not kept in it, so it cannot be converted)"
            if version < layout.VERSION
            else "Use the release that built it, or build it again.",
        )
    start = len(layout.MAGIC) + 1
    if head[start : start + 16] != key.check:
        raise BadInput(
            f"{path} was built with another key.", way_out="Name the right one, or build it again."
        )
    signed = head[: layout.FIELDS + 8 * layout.N_FIELDS]
    if key.derived(b"header" + signed, 16) != head[len(signed) : len(signed) + 16]:
        raise _broken(path, "its header was changed")
    if head[len(signed) + 16 :].strip(b"\0"):
        raise _broken(path, "its header is followed by something else")
    fields = tuple(
        np.frombuffer(head, dtype="<i8", offset=layout.FIELDS, count=layout.N_FIELDS).tolist()
    )
    total = fields[layout.F_TOTAL_BYTES]
    if size != total:
        raise _broken(path, f"it has {size} bytes and should have {total}")
    if check and _sum_of(data, key) != fields[layout.F_SUM] % 2**64:
        raise _broken(path, "its contents do not fit its checksum")
    first = fields[layout.F_TEXT]
    return Segment(
        path=path,
        least=fields[layout.F_LEAST],
        chars=fields[layout.F_CHARS],
        entries=fields[layout.F_N_ENTRIES],
        bytes_beside_text=total - fields[layout.F_N_BLOCKS] * layout.BLOCK,
        data=data,
        text=data[first : first + fields[layout.F_N_BLOCKS] * layout.BLOCK],
        _fields=fields,
    )


def _broken(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} is no whole segment of a text index: {why}.", way_out=REBUILD)
