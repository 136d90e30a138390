"""Text that the model never saw, as easy as the text it may have seen.

A passage that repeats itself can be gone on with by copying, whoever wrote it; short suffixes of
fresh text come back more often than of famous text, where the fresh text repeats more. So every
rate stands beside that of unseen text, and beside that of unseen text that repeats as much.
"""

from collections.abc import Sequence

import numpy as np

from reticent.core.language import Passage

ORDER = 3


def repetition(passage: Passage, *, order: int = ORDER) -> float:
    """Return the share of the wanted tokens that copying from the passage itself would give.

    The copyist looks for the last place where the `order` tokens before stood, and takes what
    followed there.

    >>> repetition(Passage(tokens=np.array([1, 2, 3, 4, 1, 2, 3, 4]), prompt=7))
    1.0
    """
    ids = passage.tokens.tolist()
    followed: dict[tuple[int, ...], int] = {}
    hits = 0
    for t in range(order, len(ids)):
        before = tuple(ids[t - order : t])
        if t >= passage.prompt and followed.get(before) == ids[t]:
            hits += 1
        followed[before] = ids[t]
    return hits / len(passage.wanted) if len(passage.wanted) else 0.0


def matched(
    passages: Sequence[Passage], unseen: Sequence[Passage], *, order: int = ORDER
) -> list[Passage]:
    """Return for each passage the unseen one whose repetition is nearest, each used once.

    The most repetitive are served first; there are as many as both lists allow.

    Args:
        passages: under test.
        unseen: never seen by the model, and more of them, or the match is poor.
        order: as in `repetition`.
    """
    wanted = sorted((repetition(p, order=order) for p in passages), reverse=True)
    found = np.array([repetition(p, order=order) for p in unseen])
    free = np.ones(len(unseen), dtype=bool)
    chosen = []
    for level in wanted[: len(unseen)]:
        best = int(np.argmin(np.where(free, np.abs(found - level), np.inf)))
        free[best] = False
        chosen.append(unseen[best])
    return chosen
