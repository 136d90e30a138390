"""Near copies: words of a passage replaced, the others in their places. Compiled by numba."""

from typing import Any

import numpy as np
from numba import njit

from reticent.textindex.hashing import ONE, U, scaled
from reticent.textindex.layout import (
    BITMAP,
    BLOCK,
    MOST_SEEDS,
    RING,
    SEEDS,
    W_NEAR_NEXT,
    W_SEED,
)

NEAR_ENTRIES = 40  # a block in a fuller bucket is too common to tell a near copy by
NEAR_VERIFIED = 6
SEED_CHARS = 400  # two seeds this far apart are one passage
SEED_DRIFT = 64
NEAR_GAP = 48  # longest stretch of other words
NEAR_RUN = 6  # shortest that counts as the same words
NEAR_CHARS = 160  # of the text, from the first such to the last
NEAR_SHARE = 0.5
NEAR_BACK = 512
NEAR_EVERY = 8  # bytes from one alignment to the next: bounded work


@njit(cache=True, nogil=True)
def seen_nearly(
    state: Any,
    words: Any,
    history: Any,
    text: Any,
    blocks: Any,
    buckets: Any,
    entries: Any,
    tags: Any,
    h: Any,
    lo: Any,
    hi: Any,
    read: Any,
) -> Any:
    """Look a block up for near copies; return where in the text one begins that ends here, or -1.

    A passage is taken up when two blocks of it stand in the corpus the same way: then both are
    read backwards together, words that differ left out, and what they share is counted.
    """
    b = scaled(h, buckets.size - 1)
    first, end = np.int64(buckets[b]), np.int64(buckets[b + 1])
    if end - first > NEAR_ENTRIES:
        return -1
    own = (h >> U(24)) & U(15)
    seen = 0
    found = -1
    for e in range(first, end):
        if (U(tags[e]) & U(15)) != own:
            continue
        block = np.int64(entries[e])
        if blocks[2 * block] != lo or blocks[2 * block + 1] != hi:
            continue
        seen += 1
        if seen > NEAR_VERIFIED:
            break
        at = block * BLOCK
        if found < 0 and read >= state[W_NEAR_NEXT]:
            for s in range(MOST_SEEDS):
                q = state[SEEDS + 2 * s]
                if q == 0 or read - q > SEED_CHARS or read - q < BLOCK:
                    continue
                drift = (at - state[SEEDS + 2 * s + 1]) - (read - q)
                if -SEED_DRIFT <= drift <= SEED_DRIFT:
                    state[W_NEAR_NEXT] = read + NEAR_EVERY
                    found = _aligned(history, text, read - 1, at + BLOCK - 1, min(read, NEAR_BACK))
                    break
        place = state[W_SEED]
        state[SEEDS + 2 * place] = read
        state[SEEDS + 2 * place + 1] = at
        state[W_SEED] = (place + 1) & (MOST_SEEDS - 1)
    if seen > 0:
        bit = read & (RING - 1)
        words[BITMAP + (bit >> 6)] |= ONE << U(bit & 63)
    return found


@njit(cache=True, nogil=True)
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
