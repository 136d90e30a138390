"""Near copies: words of a passage replaced, the others in their places. Compiled by numba."""

from typing import Any

import numpy as np

from reticent.textindex.compiling import kernel
from reticent.textindex.hashing import ONE, U, prefetch, scaled
from reticent.textindex.layout import (
    BANDS,
    BITMAP,
    BLOCK,
    EVENTS,
    MOST_EVENTS,
    RING,
    SEEDS,
    W_NEAR_NEXT,
)

NEAR_ENTRIES = 40  # a block in a fuller bucket is too common to tell a near copy by
NEAR_VERIFIED = 6
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
    counted.
    """
    words = state.view(np.uint64)
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
            at = np.int64(entries[e]) * BLOCK
            same = 0
            while same < BLOCK and (
                history[(read - 1 - same) & (RING - 1)] == text[at + BLOCK - 1 - same]
            ):
                same += 1
            if same < BLOCK:
                continue
            seen += 1
            if seen > NEAR_VERIFIED:
                break
            band = ((at - read) >> BAND) + BAND_ZERO
            began = read
            for each in range(band - 1, band + 2):
                slot = SEEDS + 3 * (each & (BANDS - 1))
                if state[slot] == each and read - state[slot + 2] <= SEED_CHARS:
                    began = min(began, state[slot + 1])
            if found < 0 and read - began >= SEED_APART and read >= state[W_NEAR_NEXT]:
                state[W_NEAR_NEXT] = read + NEAR_EVERY
                found = _aligned(history, text, read - 1, at + BLOCK - 1, min(read, NEAR_BACK))
            slot = SEEDS + 3 * (band & (BANDS - 1))
            if state[slot] != band or read - state[slot + 2] > SEED_CHARS:
                state[slot] = band
                state[slot + 1] = read
            state[slot + 2] = read
        if seen > 0:
            bit = read & (RING - 1)
            words[BITMAP + (bit >> 6)] |= ONE << U(bit & 63)
        if found >= 0 and events < MOST_EVENTS - 2:
            state[EVENTS + 3 * events] = 1
            state[EVENTS + 3 * events + 1] = found
            state[EVENTS + 3 * events + 2] = read
            events += 1
    return events


@kernel
def _aligned(history: Any, text: Any, i: Any, j: Any, most: Any) -> Any:
    """Read text and corpus backwards from equal bytes i and j; return where they began to be alike.

    -1 if they are not alike for long enough.
    """
    end = i
    stop = i - most
    same = 0
    begun = -1
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
        # The nearest place where a run of bytes is the same again.
        jumped = False
        for total in range(1, 2 * NEAR_GAP + 1):
            for a in range(max(0, total - NEAR_GAP), min(total, NEAR_GAP) + 1):
                y = j - (total - a)
                z = i - a
                if z - NEAR_RUN < stop or y - NEAR_RUN < -1:
                    continue
                k = 0
                while k < NEAR_RUN and history[(z - k) & (RING - 1)] == text[y - k]:
                    k += 1
                if k == NEAR_RUN:
                    i, j = z, y
                    jumped = True
                    break
            if jumped:
                break
        if not jumped:
            break
    length = end - i
    if length >= NEAR_CHARS and same >= NEAR_SHARE * length:
        begun = i + 1
    return begun
