"""How alike two texts are, counted in tokens."""

import numpy as np

from reticent.core import Ints


def longest_run(a: Ints, b: Ints) -> int:
    """Return the length of the longest run of tokens that stands in both.

    >>> longest_run(np.array([1, 2, 3, 4]), np.array([9, 2, 3, 7]))
    2
    """
    best = 0
    row = np.zeros(len(b) + 1, dtype=np.int64)
    for token in a:
        row[1:] = np.where(b == token, row[:-1] + 1, 0)
        best = max(best, int(row.max()))
    return best


def leading_run(a: Ints, b: Ints) -> int:
    """Return how many tokens both begin with.

    >>> leading_run(np.array([1, 2, 3]), np.array([1, 2, 9]))
    2
    """
    size = min(len(a), len(b))
    off = np.flatnonzero(a[:size] != b[:size])
    return int(off[0]) if len(off) else size


def similarity(a: Ints, b: Ints) -> float:
    """Return 1 less the edit distance over the longer length; 1 for two empty texts.

    >>> similarity(np.array([1, 2, 3, 4]), np.array([1, 3, 4]))
    0.75
    """
    longer = max(len(a), len(b))
    if not longer:
        return 1.0
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for i, token in enumerate(a, start=1):
        # Replace or delete; what inserting saves is a running minimum along the row.
        near = np.minimum(row[:-1] + (b != token), row[1:] + 1)
        row = np.minimum.accumulate(np.concatenate([[i], near]) - steps) + steps
    return 1.0 - int(row[-1]) / longer
