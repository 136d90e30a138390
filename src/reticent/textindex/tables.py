"""Filling a segment's tables, compiled by numba.

Blocks are dealt to parts of the table by the top of their hashes first, so that all that is
written at random afterwards lies in the processor's caches.
"""

from typing import Any

import numpy as np

from reticent.textindex.compiling import inlined, kernel
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
    scaled,
    tag_of,
)
from reticent.textindex.layout import BLOCK

WORDS = BLOCK // 8
PARTS = 128
_PART_SHIFT = U(57)  # a hash's top seven bits
CROWDED = 24  # blocks in a bucket; eight are usual
_TAG = U(0xFF << 20)  # of a hash, bits that neither the Bloom filter nor the bucket uses
_TAG_SHIFT = U(20)


@inlined
def _hash_at(words: Any, i: Any, k0: Any, k1: Any) -> Any:
    lo, hi = words[2 * i], words[2 * i + 1]
    if holds_zero(lo) or holds_zero(hi):
        return NONE  # no whole block
    return mix(lo, hi, k0, k1) | ONE


@kernel
def count_blocks(text: Any, n_blocks: Any, k0: Any, k1: Any, starts: Any) -> Any:
    """Fill `starts` (PARTS + 1) with where each part of the blocks begins; return how many."""
    words = text.view(np.uint64)
    starts[:] = 0
    for i in range(n_blocks):
        h = _hash_at(words, i, k0, k1)
        starts[U(h >> _PART_SHIFT) + ONE] += h != NONE
    for part in range(PARTS):
        starts[part + 1] += starts[part]
    return starts[PARTS]


@kernel
def deal(
    text: Any, n_blocks: Any, k0: Any, k1: Any, starts: Any, hashes: Any, numbers: Any
) -> None:
    """Deal blocks to their parts, in order: hashes, with tags in them, and the blocks' numbers."""
    words = text.view(np.uint64)
    place = starts.copy()
    following = _hash_at(words, 0, k0, k1)
    for i in range(n_blocks):
        h = following
        following = _hash_at(words, i + 1, k0, k1) if i + 1 < n_blocks else NONE
        if h == NONE:
            continue
        part = U(h >> _PART_SHIFT)
        at = U(place[part])
        place[part] += 1
        hashes[at] = (h & ~_TAG) | (U(tag_of(h, following)) << _TAG_SHIFT)
        numbers[at] = np.uint32(i)


@kernel
def fill_tables(
    text: Any,
    starts: Any,
    hashes: Any,
    numbers: Any,
    least: Any,
    buckets: Any,
    tags: Any,
    bloom: Any,
) -> Any:
    """Put every block into its bucket and the Bloom filter; return how many entries there are.

    They stand in `numbers` then: a part's are written where it and those before it were read.

    In a crowded bucket one entry stays of those with equal bytes around them. Any `least` bytes
    that hold such a block and the next one lie within what is compared, so nothing that could be
    found is lost. `buckets` holds where each begins in the end.
    """
    words = text.view(np.uint64)
    n_buckets = buckets.size - 1
    n_bloom = bloom.size
    most = 0
    for part in range(PARTS):
        most = max(most, starts[part + 1] - starts[part])
    own = np.empty(most, np.uint8)  # a part's blocks, in the order of their buckets: tags
    their = np.empty(most, np.uint32)
    gone = np.empty(most, np.uint8)
    out = 0
    done = 0  # buckets whose beginning is known
    for part in range(PARTS):
        first, last = starts[part], starts[part + 1]
        if first == last:
            continue
        # A bucket may lie in two parts: it is filled in two goes, the earlier part's blocks first.
        low = scaled(U(part) << _PART_SHIFT, n_buckets)
        high = scaled((U(part) << _PART_SHIFT) | U(0x01FFFFFFFFFFFFFF), n_buckets)
        n = high - low + 1
        ends = np.zeros(n + 1, np.int64)
        for i in range(first, last):
            h = hashes[i]
            ends[scaled(h, n_buckets) - low + 1] += 1
            bloom[scaled(h, n_bloom)] |= bits(h)
        for b in range(n):
            ends[b + 1] += ends[b]
        for i in range(first, last):
            h = hashes[i]
            b = scaled(h, n_buckets) - low
            place = ends[b]
            ends[b] = place + 1
            own[place] = np.uint8((h >> _TAG_SHIFT) & U(255))
            their[place] = numbers[i]
        gone[: last - first] = 0
        start = dropped = 0
        for b in range(n):
            while done <= low + b:  # those that no part has, too
                buckets[done] = np.uint32(out + start - dropped)
                done += 1
            end = ends[b]  # of bucket b, now that all are in their places
            if end - start > CROWDED:
                dropped += _drop_equals(words, their, start, end, least, gone)
            start = end
        for i in range(last - first):
            numbers[out] = their[i]
            tags[out] = own[i]
            out += 1 - gone[i]
    while done < buckets.size:
        buckets[done] = np.uint32(out)
        done += 1
    return out


@kernel
def _drop_equals(words: Any, their: Any, start: Any, end: Any, least: Any, gone: Any) -> Any:
    """Mark those of a bucket's blocks that have equals before them; return how many."""
    # Whole words, so a little more than must be.
    before, after = (least - 2 * BLOCK + 7) // 8, (least + 7) // 8
    context = np.empty(end - start, np.uint64)
    for i in range(start, end):
        at = np.int64(their[i]) * WORDS
        h = NONE
        for k in range(max(at - before, 0), min(at + after, words.size)):
            h = (h ^ words[k]) * M1
            h ^= h >> U(29)
        context[i - start] = h
    order = np.argsort(context, kind="mergesort")
    dropped = 0
    for j in range(1, order.size):
        if context[order[j]] == context[order[j - 1]]:
            gone[start + order[j]] = 1
            dropped += 1
    return dropped


@kernel
def sum_on(words: Any, sums: Any) -> None:
    """Take words, a multiple of four of them, into the four sums."""
    a, b, c, d = sums[0], sums[1], sums[2], sums[3]
    for i in range(0, words.size, 4):
        a = (a ^ words[i]) * M1
        b = (b ^ words[i + 1]) * M2
        c = (c ^ words[i + 2]) * M3
        d = (d ^ words[i + 3]) * M1
        a ^= a >> U(32)
        b ^= b >> U(32)
        c ^= c >> U(32)
        d ^= d >> U(32)
    sums[0], sums[1], sums[2], sums[3] = a, b, c, d


@kernel
def first_sums(seed: Any) -> Any:
    """Return the sums of nothing."""
    return np.array([seed, seed ^ M1, seed ^ M2, seed ^ M3], np.uint64)


@kernel
def last_sum(sums: Any, n_words: Any, seed: Any) -> Any:
    """Return a 64-bit sum over words that any single change of them changes."""
    return mix(sums[0] ^ (sums[1] * M2), sums[2] ^ (sums[3] * M3), U(n_words), seed)
