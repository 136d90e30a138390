"""Filling a segment's tables, compiled by numba."""

from typing import Any

import numpy as np
from numba import njit

from reticent.textindex.hashing import (
    M1,
    M2,
    M3,
    NONE,
    ONE,
    U,
    bits,
    holds_zero,
    mix,
    prefetch,
    scaled,
    tag_of,
)
from reticent.textindex.layout import BLOCK

WORDS = BLOCK // 8


@njit(cache=True, nogil=True)
def count_blocks(text: Any, k0: Any, k1: Any, hashes: Any, counts: Any) -> Any:
    """Fill `hashes` (0: no whole block) and count blocks a bucket into `counts[b + 1]`."""
    words = text.view(np.uint64)
    n_buckets = counts.size - 1
    n = 0
    for i in range(hashes.size):
        lo, hi = words[2 * i], words[2 * i + 1]
        if holds_zero(lo) or holds_zero(hi):
            hashes[i] = NONE
            continue
        h = mix(lo, hi, k0, k1) | ONE  # 0 stands for none
        hashes[i] = h
        counts[scaled(h, n_buckets) + 1] += np.uint32(1)
        n += 1
    return n


@njit(cache=True, nogil=True)
def fill_tables(hashes: Any, counts: Any, entries: Any, tags: Any, bloom: Any) -> Any:
    """Put every block where its bucket has room. `counts` holds starts, and ends as ends."""
    n_buckets = counts.size - 1
    n = hashes.size
    n_words = bloom.size
    for i in range(n):
        if i + 32 < n:  # what is needed soon is asked for now
            later = hashes[i + 32]
            prefetch(counts, scaled(later, n_buckets))
            prefetch(bloom, scaled(later, n_words))
            place = np.int64(counts[scaled(hashes[i + 12], n_buckets)])
            prefetch(entries, place)
            prefetch(tags, place)
        h = hashes[i]
        if h == NONE:
            continue
        b = scaled(h, n_buckets)
        place = np.int64(counts[b])
        counts[b] = np.uint32(place + 1)
        entries[place] = np.uint32(i)
        tags[place] = tag_of(h, hashes[i + 1] if i + 1 < n else NONE)
        bloom[scaled(h, n_words)] |= bits(h)


@njit(cache=True, nogil=True, inline="always")
def _same_round(words: Any, a: Any, b: Any, before: Any, after: Any) -> Any:
    for k in range(-before, after):  # noqa: SIM110  # numba compiles no generators in line
        if words[a + k] != words[b + k]:
            return False
    return True


@njit(cache=True, nogil=True)
def drop_repeats(text: Any, counts: Any, entries: Any, tags: Any, least: Any) -> Any:
    """Keep one entry of those with equal bytes around them, and close up; return how many stay.

    Any `least` bytes that hold this block and the next one lie within what is compared, so nothing
    that could be found is lost. `counts` holds ends of buckets, and starts when this is over.
    """
    words = text.view(np.uint64)
    # Whole words, so a little more than must be.
    before, after = (least - 2 * BLOCK + 7) // 8, (least + 7) // 8
    out = 0
    start: Any = 0
    last = words.size - after
    for b in range(counts.size - 1):
        end = np.int64(counts[b])
        first = out
        seen = NONE
        if end - start > 48:
            context = np.empty(end - start, np.uint64)
            for i in range(start, end):
                at = np.int64(entries[i]) * WORDS
                h = NONE
                for k in range(max(at - before, 0), min(at + after, words.size)):
                    h = (h ^ words[k]) * M1
                    h ^= h >> U(29)
                context[i - start] = h
            order = np.argsort(context, kind="mergesort")
            kept = np.zeros(end - start, np.bool_)
            for j in range(order.size):
                if j == 0 or context[order[j]] != context[order[j - 1]]:
                    kept[order[j]] = True
            for j in range(order.size):
                i = start + j
                if kept[j]:
                    entries[out] = entries[i]
                    tags[out] = tags[i]
                    out += 1
        else:
            for i in range(start, end):
                at = np.int64(entries[i]) * WORDS
                new = True
                bit = ONE << U(tags[i] & 63)
                if not seen & bit:  # no tag like it in this bucket so far
                    seen |= bit
                    entries[out] = entries[i]
                    tags[out] = tags[i]
                    out += 1
                    continue
                for j in range(first, out):
                    if tags[j] == tags[i]:
                        other = np.int64(entries[j]) * WORDS
                        if (
                            other >= before
                            and at < last
                            and _same_round(words, at, other, before, after)
                        ):
                            new = False
                            break
                if new:
                    entries[out] = entries[i]
                    tags[out] = tags[i]
                    out += 1
        start = end
        counts[b] = np.uint32(first)
    counts[counts.size - 1] = np.uint32(out)
    return out


@njit(cache=True, nogil=True)
def checksum(words: Any, seed: Any) -> Any:
    """Return a 64-bit sum over words that any single change of them changes."""
    a, b, c, d = seed, seed ^ M1, seed ^ M2, seed ^ M3
    n = words.size // 4 * 4
    for i in range(0, n, 4):
        a = (a ^ words[i]) * M1
        b = (b ^ words[i + 1]) * M2
        c = (c ^ words[i + 2]) * M3
        d = (d ^ words[i + 3]) * M1
        a ^= a >> U(32)
        b ^= b >> U(32)
        c ^= c >> U(32)
        d ^= d >> U(32)
    for i in range(n, words.size):
        a = (a ^ words[i]) * M2
        a ^= a >> U(29)
    return mix(a ^ (b * M2), c ^ (d * M3), U(words.size), seed)
