"""Random numbers: one stream for each piece of work, so that none depends on its neighbours."""

from enum import IntEnum
from zlib import crc32

import numpy as np


class Part(IntEnum):
    """What draws; a number is never given to another part, or records would change."""

    TABLES = 2
    CHAINS = 3
    PICTURES = 5
    VECTORS = 6
    TEXTS = 12


def stream(seed: int, part: Part, what: str) -> np.random.Generator:
    """Return a generator of its own for a piece of work.

    Args:
        seed: of the experiment.
        part: of the audit.
        what: the name of the piece.
    """
    return np.random.default_rng([seed, int(part), crc32(what.encode())])
