"""The inner loop, compiled by numba: reading a text against a segment.

Sixteen folded bytes are a block, held as two 64-bit words, so a block's hash is that of its bytes
and not of a sum of them. Blocks of the corpus stand every 16 bytes, so of any 47 bytes of a
document two whole neighbours lie inside. A text is read byte by byte: the block that ends at each
byte is looked up in a Bloom filter, where it costs one word of memory; only where it and the block
16 bytes before are both there does the table come in, and what the table names is compared in the
corpus itself. `reticent.textindex.layout` says where things lie.
"""

from typing import Any

import numpy as np

from reticent.textindex.compiling import inlined, kernel
from reticent.textindex.hashing import NONE, ONE, U, bits, mix, prefetch, scaled, tag_of
from reticent.textindex.layout import (
    ACTIVE,
    BLOCK,
    EVENTS,
    F_BLOOM,
    F_BLOOM_WORDS,
    F_BUCKETS,
    F_ENTRIES,
    F_LEAST,
    F_N_BLOCKS,
    F_N_BUCKETS,
    F_N_ENTRIES,
    F_TAGS,
    F_TEXT,
    FIELDS,
    HISTORY,
    HITS,
    LATE,
    MOST_ACTIVE,
    RING,
    SLICE,
    W_ACTIVE,
    W_EVENTS,
    W_HI,
    W_LO,
    W_NEAR_ON,
    W_READ,
    W_RUN,
    W_SKIPPED,
)
from reticent.textindex.nearly import mark_blocks, read_nearly
from reticent.textindex.tables import (
    PARTS,
    count_blocks,
    deal,
    fill_tables,
    first_sums,
    last_sum,
    sum_on,
)

__all__ = [
    "PARTS",
    "count_blocks",
    "deal",
    "fill_tables",
    "first_sums",
    "last_sum",
    "mark",
    "scan",
    "sum_on",
]

MOST_ENTRIES = 4096  # looked at for one byte of text, of a bucket


@kernel
def _filtered(
    words: Any,
    history: Any,
    late: Any,
    hits: Any,
    bloom: Any,
    piece: Any,
    read: Any,
    k0: Any,
    k1: Any,
) -> Any:
    """Look up the block that ends at each byte; write down which may be known, return how many.

    Loops without a branch, and words asked for before they are needed: the processor has many of
    them under way.
    """
    lo, hi = words[W_LO], words[W_HI]
    n_bloom = bloom.size
    for x in range(len(piece)):
        c = np.uint8(piece[x])
        history[U(read + x) & U(RING - 1)] = c
        lo = (lo >> U(8)) | (hi << U(56))
        hi = (hi >> U(8)) | (U(c) << U(56))
        h = mix(lo, hi, k0, k1) | ONE
        late[U(BLOCK + x)] = h
        prefetch(bloom, scaled(h, n_bloom))
    words[W_LO], words[W_HI] = lo, hi
    n = 0
    for x in range(len(piece)):
        h = late[U(BLOCK + x)]
        want = bits(h)
        known = (bloom[U(scaled(h, n_bloom))] & want) == want and read + x >= BLOCK - 1
        late[U(BLOCK + x)] = h if known else NONE
        hits[U(n)] = x
        n += known
    return n


@inlined
def _block(history: Any, read: Any) -> Any:
    """Return the block that ends before byte `read`, as two words."""
    lo = hi = NONE
    for k in range(8):
        lo |= U(history[(read - 16 + k) & (RING - 1)]) << U(8 * k)
        hi |= U(history[(read - 8 + k) & (RING - 1)]) << U(8 * k)
    return lo, hi


@kernel
def mark(marks: Any, state: Any, start: Any, end: Any, segment: Any, k0: Any, k1: Any) -> None:
    """Say where between two bytes of the text read blocks of a segment end; see `nearly`.

    Args:
        marks: (end - start + 1) bytes to be filled.
        state: of the text and the segment.
        start: first byte.
        end: last byte.
        segment: the file, mapped.
        k0: one half of the key.
        k1: the other.
    """
    fields = segment[FIELDS : FIELDS + 256].view(np.int64)
    n_blocks, n_buckets = fields[F_N_BLOCKS], fields[F_N_BUCKETS]
    text = segment[fields[F_TEXT] : fields[F_TEXT] + n_blocks * BLOCK + 64]
    buckets = segment[fields[F_BUCKETS] : fields[F_BUCKETS] + 4 * (n_buckets + 1)].view(np.uint32)
    entries = segment[fields[F_ENTRIES] : fields[F_ENTRIES] + 4 * fields[F_N_ENTRIES]].view(
        np.uint32
    )
    tags = segment[fields[F_TAGS] : fields[F_TAGS] + fields[F_N_ENTRIES]]
    history = state[HISTORY : HISTORY + RING // 8].view(np.uint8)
    mark_blocks(marks, history, start, end, text, buckets, entries, tags, k0, k1)


@kernel
def scan(state: Any, piece: Any, segment: Any, k0: Any, k1: Any) -> Any:
    """Read the folded bytes `piece` on; return how many events are in the state now.

    Args:
        state: of this text and this segment, `layout.STATE_WORDS` zeros at first.
        piece: folded bytes, at most `layout.SLICE`.
        segment: the file, mapped.
        k0: one half of the key.
        k1: the other.
    """
    words = state.view(np.uint64)
    events = 0
    fields = segment[FIELDS : FIELDS + 256].view(np.int64)
    least = fields[F_LEAST]
    n_blocks = fields[F_N_BLOCKS]
    n_buckets = fields[F_N_BUCKETS]
    n_bloom = fields[F_BLOOM_WORDS]
    text = segment[fields[F_TEXT] : fields[F_TEXT] + n_blocks * BLOCK + 64]
    blocks = text.view(np.uint64)
    buckets = segment[fields[F_BUCKETS] : fields[F_BUCKETS] + 4 * (n_buckets + 1)].view(np.uint32)
    entries = segment[fields[F_ENTRIES] : fields[F_ENTRIES] + 4 * fields[F_N_ENTRIES]].view(
        np.uint32
    )
    tags = segment[fields[F_TAGS] : fields[F_TAGS] + fields[F_N_ENTRIES]]
    bloom = segment[fields[F_BLOOM] : fields[F_BLOOM] + 8 * n_bloom].view(np.uint64)
    history = state[HISTORY : HISTORY + RING // 8].view(np.uint8)
    late = words[LATE : LATE + BLOCK + SLICE]  # hashes of blocks in the filter, by their end
    near_on = state[W_NEAR_ON] != 0
    read = state[W_READ]
    hits = state[HITS : HITS + SLICE + 1]
    n_hits = _filtered(words, history, late, hits, bloom, piece, read, k0, k1)
    if near_on:
        events = read_nearly(
            state, history, late, hits, n_hits, text, buckets, entries, tags, read, events
        )
    active = state[W_ACTIVE]
    run = state[W_RUN]  # where the run of flagged bytes began, -1 for none
    hits[n_hits] = len(piece)
    begun = read
    at_hit = 0
    x = 0
    while True:
        if active == 0 and run < 0:  # nothing is open: on to the next block that is known
            x = hits[at_hit]
        if x >= len(piece):
            break
        read = begun + x + 1
        longest = 0
        if active > 0:
            c = history[(read - 1) & (RING - 1)]
            kept = 0
            for a in range(active):
                at = state[ACTIVE + 2 * a]
                if text[at] == c:
                    length = state[ACTIVE + 2 * a + 1] + 1
                    state[ACTIVE + 2 * kept] = at + 1
                    state[ACTIVE + 2 * kept + 1] = length
                    kept += 1
                    if length > longest:
                        longest = length
            active = kept
        if hits[at_hit] == x:
            at_hit += 1
            h = late[BLOCK + x]
            lo, hi = _block(history, read)
            before = late[x]
            if before != NONE and read >= 2 * BLOCK:
                b = scaled(before, n_buckets)
                tag = tag_of(before, h)
                first, end = np.int64(buckets[b]), np.int64(buckets[b + 1])
                if end - first > MOST_ENTRIES:
                    state[W_SKIPPED] += 1
                    end = first + MOST_ENTRIES
                for e in range(first, end):
                    if tags[e] != tag:
                        continue
                    block = np.int64(entries[e])
                    if blocks[2 * block + 2] != lo or blocks[2 * block + 3] != hi:
                        continue
                    at = block * BLOCK
                    new = True
                    for a in range(active):
                        if state[ACTIVE + 2 * a] == at + 2 * BLOCK:
                            new = False
                            break
                    if not new:
                        continue
                    length = 0
                    q = read - 1 - BLOCK
                    most = min(least - BLOCK, read - BLOCK)
                    while (
                        length < most
                        and at + BLOCK - 1 - length >= 0
                        and history[(q - length) & (RING - 1)] == text[at + BLOCK - 1 - length]
                    ):
                        length += 1
                    if length < BLOCK:
                        continue
                    length += BLOCK
                    if active < MOST_ACTIVE:
                        state[ACTIVE + 2 * active] = at + 2 * BLOCK
                        state[ACTIVE + 2 * active + 1] = length
                        active += 1
                    else:
                        state[W_SKIPPED] += 1
                    if length > longest:
                        longest = length
        if longest >= least:
            if run < 0:
                run = read
        elif run >= 0:
            state[EVENTS + 3 * events] = 0
            state[EVENTS + 3 * events + 1] = run - least
            state[EVENTS + 3 * events + 2] = read - 1
            events += 1
            run = -1
        x += 1
    read = begun + len(piece)
    if run >= 0:  # it goes on: said now, and again from here with the next piece
        state[EVENTS + 3 * events] = 0
        state[EVENTS + 3 * events + 1] = run - least
        state[EVENTS + 3 * events + 2] = read
        events += 1
    for k in range(BLOCK):
        late[k] = late[len(piece) + k]
    state[W_READ] = read
    state[W_ACTIVE] = active
    state[W_RUN] = run
    state[W_EVENTS] = events
    return events
