"""Learn to read vectors from pairs of text and vector."""

from collections.abc import Sequence

import numpy as np

from reticent.attacks.embedding._head import BATCH, learn_head
from reticent.attacks.embedding._refine import Reader
from reticent.attacks.embedding._words import id_rows, learn_followers, learn_vocabulary
from reticent.core import Bools, Floats, NotEnoughKnowledge

LEAST_STEPS = 200  # of training
FEW_TEXTS = 1000  # among fewer, a word that stands in one only is worth knowing


def learn_reader(
    texts: Sequence[str],
    vectors: Floats,
    shown: Bools,
    rng: np.random.Generator,
    *,
    most_words: int,
    epochs: int,
    rate: float,
    threshold: float,
) -> Reader:
    """Return a reader trained on the adversary's own pairs.

    Args:
        texts: n texts.
        vectors: (n, d) theirs, of length 1, withheld coordinates 0.
        shown: (d,) coordinates that the vectors under attack show.
        rng: of the order of training.
        most_words: of the vocabulary.
        epochs: times that each pair is seen; more where there are few, for `LEAST_STEPS` in all.
        rate: greatest step.
        threshold: probability from which a word is claimed at first.

    Raises: NotEnoughKnowledge if the texts have no words, or no coordinate is shown.
    """
    if not shown.any():
        raise NotEnoughKnowledge(
            "Every coordinate of the vectors is withheld from some of them.",
            way_out="Nothing can be read; leave the decoders out.",
        )
    least_texts = 1 if len(texts) < FEW_TEXTS else 3
    vocabulary = learn_vocabulary(texts, most=most_words, least_texts=least_texts)
    if not len(vocabulary):
        raise NotEnoughKnowledge(
            f"The {len(texts)} texts of the adversary's own share no words.",
            way_out="Give it a public corpus of the same kind.",
        )
    rows = id_rows(vocabulary, texts)
    a_pass = -(-len(texts) // BATCH)
    head = learn_head(
        vectors,
        rows,
        vocabulary,
        shown,
        rng,
        epochs=max(epochs, -(-LEAST_STEPS // a_pass)),
        rate=rate,
    )
    followers = learn_followers([row.tolist() for row in rows], len(vocabulary))
    return Reader(vocabulary=vocabulary, head=head, followers=followers, threshold=threshold)
