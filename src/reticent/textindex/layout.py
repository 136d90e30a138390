"""Where things lie: in a segment's file, and in the state of a text that is read against one.

A segment's file: a header of 4,096 bytes, then text, buckets, entries, tags, Bloom words,
short items and the list of documents, each at a multiple of 64 bytes. All numbers are
little-endian.
"""

BLOCK = 16
MAGIC = b"reticent-text\0\0\0"
VERSION = 1
HEADER_BYTES = 4096
FIELDS = 64  # byte offset of the header's numbers, each int64

F_N_BLOCKS, F_N_BUCKETS, F_BLOOM_WORDS, F_N_ENTRIES, F_LEAST = 0, 1, 2, 3, 4
F_TEXT, F_BUCKETS, F_ENTRIES, F_TAGS, F_BLOOM, F_DOCUMENTS = 5, 6, 7, 8, 9, 10
F_DOCUMENTS_BYTES, F_TOTAL_BYTES, F_SUM, F_CHARS, F_N_DOCUMENTS = 11, 12, 13, 14, 15
F_ITEMS, F_N_ITEMS = 16, 17
N_FIELDS = 32  # the rest is 0

# The state, in words of 8 bytes.
RING = 4096  # bytes of history
SLICE = 1024  # bytes read at a time
MOST_ACTIVE = 1024
BANDS = 512  # of diagonals, remembered
MOST_EVENTS = 800  # a slice cannot have more: every second byte, and near copies

W_READ, W_LO, W_HI, W_ACTIVE, W_RUN, W_EVENTS, W_NEAR_NEXT, W_NEAR_ON, W_SKIPPED = range(9)
SEEDS = 16  # of each band: its number, where its first block ended, its last
LATE = SEEDS + 3 * BANDS  # hashes of the last blocks
ZEROED = LATE + BLOCK  # what must be zero at first
HISTORY = ZEROED + SLICE
ACTIVE = HISTORY + RING // 8
EVENTS = ACTIVE + 2 * MOST_ACTIVE
HITS = EVENTS + 3 * MOST_EVENTS
STATE_WORDS = HITS + SLICE + 1
