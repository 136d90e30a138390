"""Keyed hashes of rows of inputs: they tell repeats apart from news, and tell nothing else.

The journal keeps these instead of the inputs. Without the key nobody can find out, even by
trying, which row a fingerprint stands for.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from reticent.core import Inputs, canonical_rows
from reticent.core.inputs import canonical_floats

FINGERPRINT_BYTES = 16


def fingerprints(
    key: bytes, rows: "Inputs | Sequence[Any]", *, floats: bool = False
) -> tuple[bytes, ...]:
    """Return one keyed BLAKE2b hash (16 bytes, RFC 7693) a row of inputs.

    Rows that are equal as inputs have equal fingerprints, see `canonical_rows`.

    Args:
        key: 16 to 64 bytes; one for each model, so that models cannot be compared.
        rows: a table, an array, or rows as JSON has them.
        floats: they are lists of few finite floats, without -0.0, as has been looked already.

    Raises: BadInput for a cell that has no stable bytes.
    """
    keyed = _keyed(key)
    prints = []
    for row in map(canonical_floats, rows) if floats else canonical_rows(rows):
        one = keyed.copy()  # quicker than a new one with the key
        one.update(row)
        prints.append(one.digest())
    return tuple(prints)


@lru_cache(maxsize=1024)
def _keyed(key: bytes) -> blake2b:
    """Return a hash that has taken in the key, and nothing else yet."""
    return blake2b(digest_size=FINGERPRINT_BYTES, key=key)
