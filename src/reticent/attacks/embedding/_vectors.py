"""What attacks on embeddings share: the stolen vectors, the texts at hand, cosines."""

from collections.abc import Callable, Sequence

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.core import (
    Bools,
    Candidates,
    Channel,
    Floats,
    NotEnoughKnowledge,
    NotExposed,
    as_texts,
    texts_of,
)

#: Turns texts into vectors, (n, d).
Ask = Callable[[Sequence[str]], Floats]


def stolen(candidates: Candidates, attack: str) -> Floats:
    """Return the vectors under attack, (n, d), NaN where withheld.

    Raises: NotEnoughKnowledge if the adversary has none.
    """
    observed = candidates.observed
    if observed is None or observed.embeddings is None:
        raise NotEnoughKnowledge(
            f"{attack} has no vectors to read.",
            way_out="Give the adversary the vectors that the policy lets out.",
        )
    return observed.embeddings


def asker(access: Access, attack: str) -> Ask:
    """Return how the attack asks for vectors: one query a text.

    Raises: NotExposed now, not at the first question, if vectors are shut.
    """
    if not Channel.EMBEDDING & access.channels:
        raise NotExposed(
            f"{attack} works through vectors, and {access.target.name} shows none.",
            way_out="Choose an attack that needs less, or audit a more open exposure.",
        )
    return lambda texts: access.embeddings(as_texts(texts))


def own_texts(knowledge: Knowledge, attack: str) -> list[str]:
    """Return the adversary's own texts.

    Raises: NotEnoughKnowledge if there are none.
    """
    texts = [] if knowledge.population is None else texts_of(knowledge.population.x)
    if not texts:
        raise NotEnoughKnowledge(
            f"{attack} learns from texts of its own, and there are none.",
            way_out="Give it a public corpus of the same kind.",
        )
    return texts


def shown(vectors: Floats) -> Bools:
    """Return (d,) the coordinates that every vector shows; none if all are withheld somewhere."""
    return np.asarray(~np.isnan(vectors).any(axis=0))


def unit(vectors: Floats) -> Floats:
    """Return vectors of length 1, withheld coordinates as 0; a zero vector stays one.

    >>> unit(np.array([[3.0, 4.0, np.nan]])).tolist()
    [[0.6, 0.8, 0.0]]
    """
    plain = np.nan_to_num(vectors)
    return np.asarray(plain / np.maximum(np.linalg.norm(plain, axis=1, keepdims=True), 1e-12))
