"""Near copies: words of a passage replaced, the others in their places. Compiled by numba."""

from typing import Any

import numpy as np

from reticent.textindex.compiling import inlined, kernel
from reticent.textindex.hashing import NONE, ONE, U, mix, prefetch, scaled
from reticent.textindex.layout import (
    BANDS,
    BLOCK,
    EVENTS,
    MOST_EVENTS,
    RING,
    SEEDS,
    W_NEAR_NEXT,
)

NEAR_ENTRIES = 40  # a block in a fuller bucket is too common to tell a near copy by
NEAR_TAKEN = 8  # of a bucket's entries that may be the block
SEED_CHARS = 400  # two seeds this far apart are one passage
SEED_APART = 48  # nearer ones say no more than that a phrase is common
BAND = 6  # bits: how far the places of one passage drift, in text and corpus
NEAR_GAP = 48  # longest stretch of other words
NEAR_RUN = 6  # shortest that counts as the same words
NEAR_CHARS = 160  # of the text, from the first such to the last
NEAR_SHARE = 0.5
NEAR_BACK = 512
BAND_ZERO = 1 << 40  # added, so that no band has the number 0 of an empty place
NEAR_EVERY = 8  # bytes from one alignment to the next: bounded work


@kernel
def read_nearly(
    state: Any,
    history: Any,
    late: Any,
    hits: Any,
    n: Any,
    text: Any,
    buckets: Any,
    entries: Any,
    tags: Any,
    begun: Any,
    events: Any,
) -> Any:
    """Look up blocks that may be known for near copies; return how many events there are then.

    A passage is taken up when two blocks of it, some way apart, stand in the corpus the same way:
    then both are read backwards together, words that differ left out, and what they share is
    counted. Until then the corpus is not read, each place of which is a wait for memory: what the
    table names wrongly stands in no line with anything else.
    """
    n_buckets = buckets.size - 1
    if n > 2:  # what is needed soon is asked for now
        for x in range(n):
            prefetch(buckets, scaled(late[BLOCK + hits[x]], n_buckets))
        for x in range(n):
            b = scaled(late[BLOCK + hits[x]], n_buckets)
            first, end = np.int64(buckets[b]), np.int64(buckets[b + 1])
            prefetch(tags, first)
            prefetch(entries, first)
            prefetch(entries, end - 1)
    for x in range(n):
        h = late[BLOCK + hits[x]]
        read = begun + hits[x] + 1
        b = scaled(h, n_buckets)
        first, end = np.int64(buckets[b]), np.int64(buckets[b + 1])
        if end - first > NEAR_ENTRIES:
            continue
        own = np.uint8((h >> U(24)) & U(15))
        seen = 0
        found = -1
        for e in range(first, end):
            if tags[e] & np.uint8(15) != own:
                continue
            seen += 1
            if seen > NEAR_TAKEN:
                break
            at = np.int64(entries[e]) * BLOCK
            band = ((at - read) >> BAND) + BAND_ZERO
            began = read
            for each in range(band - 1, band + 2):
                slot = SEEDS + 3 * (each & (BANDS - 1))
                if state[slot] == each and read - state[slot + 2] <= SEED_CHARS:
                    began = min(began, state[slot + 1])
            if (
                found < 0
                and read - began >= SEED_APART
                and read >= state[W_NEAR_NEXT]
                and _is_block(history, text, read - 1, at + BLOCK - 1)
            ):
                state[W_NEAR_NEXT] = read + NEAR_EVERY
                found = _aligned(history, text, read - 1, at + BLOCK - 1, min(read, NEAR_BACK))
            slot = SEEDS + 3 * (band & (BANDS - 1))
            if state[slot] != band or read - state[slot + 2] > SEED_CHARS:
                state[slot] = band
                state[slot + 1] = read
            state[slot + 2] = read
        if found >= 0 and events < MOST_EVENTS - 2:
            state[EVENTS + 3 * events] = 1
            state[EVENTS + 3 * events + 1] = found
            state[EVENTS + 3 * events + 2] = read
            events += 1
    return events


@inlined
def _is_block(history: Any, text: Any, i: Any, j: Any) -> Any:
    """Return whether the blocks that end with bytes i and j are the same."""
    same = 0
    while same < BLOCK and history[(i - same) & (RING - 1)] == text[j - same]:
        same += 1
    return same == BLOCK


@kernel
def mark_blocks(
    marks: Any,
    history: Any,
    start: Any,
    end: Any,
    text: Any,
    buckets: Any,
    entries: Any,
    tags: Any,
    k0: Any,
    k1: Any,
) -> None:
    """Set `marks`, (end - start + 1) of them, to 1 where a block of the corpus ends.

    Byte `start` + i of the text read is the last of the block that `marks[i]` stands for.
    """
    n_buckets = buckets.size - 1
    for i in range(end - start + 1):
        read = start + i  # bytes up to here
        marks[i] = 0
        if read < BLOCK:
            continue
        lo = hi = NONE
        for k in range(8):
            lo |= U(history[(read - 16 + k) & (RING - 1)]) << U(8 * k)
            hi |= U(history[(read - 8 + k) & (RING - 1)]) << U(8 * k)
        h = mix(lo, hi, k0, k1) | ONE
        b = scaled(h, n_buckets)
        first, last = np.int64(buckets[b]), np.int64(buckets[b + 1])
        own = np.uint8((h >> U(24)) & U(15))
        for e in range(first, min(last, first + NEAR_ENTRIES + 1)):
            if last - first <= NEAR_ENTRIES and tags[e] & np.uint8(15) == own:
                at = np.int64(entries[e]) * BLOCK
                if _is_block(history, text, read - 1, at + BLOCK - 1):
                    marks[i] = 1
                    break


@inlined
def _same_again(history: Any, text: Any, i: Any, j: Any, stop: Any, runs: Any) -> Any:
    """Return how far back from i and j the nearest equal runs of `NEAR_RUN` bytes end.

    -1 and -1 if there are none within `NEAR_GAP`. A run is a number, so that one of the text is
    compared with all of the corpus's at once.
    """
    n = 0
    run = NONE
    if j - NEAR_RUN >= -1:
        for k in range(NEAR_RUN):
            run |= U(text[j - k]) << U(8 * k)
        runs[0] = run
        n = 1
    while n <= NEAR_GAP and n > 0 and j - n - NEAR_RUN >= -1:
        run = (run >> U(8)) | (U(text[j - n - NEAR_RUN + 1]) << U(8 * NEAR_RUN - 8))
        runs[n] = run
        n += 1
    best, best_a = 2 * NEAR_GAP + 1, -1
    run = NONE
    for a in range(NEAR_GAP + 1):
        z = i - a
        if z - NEAR_RUN < stop or a >= best:
            break
        if a == 0:
            for k in range(NEAR_RUN):
                run |= U(history[(z - k) & (RING - 1)]) << U(8 * k)
        else:
            new = U(history[(z - NEAR_RUN + 1) & (RING - 1)])
            run = (run >> U(8)) | (new << U(8 * NEAR_RUN - 8))
        first = NEAR_GAP + 1
        for k in range(n):
            first = min(first, k if runs[k] == run else NEAR_GAP + 1)
        if first <= NEAR_GAP and a + first < best:
            best, best_a = a + first, a
    return best_a, (best - best_a if best_a >= 0 else -1)


@kernel
def _aligned(history: Any, text: Any, i: Any, j: Any, most: Any) -> Any:
    """Read text and corpus backwards from equal bytes i and j; return where they began to be alike.

    -1 if they are not alike for long enough.
    """
    end = i
    stop = i - most
    same = 0
    begun = -1
    runs = np.empty(NEAR_GAP + 1, np.uint64)
    while i > stop and j >= 0:
        if history[i & (RING - 1)] == text[j]:
            same += 1
            i -= 1
            j -= 1
            continue
        if text[j] == 0:
            break
        length = end - i
        if length >= NEAR_CHARS and same >= NEAR_SHARE * length:
            begun = i + 1
        a, over = _same_again(history, text, i, j, stop, runs)
        if a < 0:
            break
        i, j = i - a, j - over
    length = end - i
    if length >= NEAR_CHARS and same >= NEAR_SHARE * length:
        begun = i + 1
    return begun
