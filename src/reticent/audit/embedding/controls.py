"""Checks of the audit itself: what must be found is found, and nothing where nothing is."""

from collections.abc import Mapping, Sequence

import numpy as np

from reticent.audit.controls import CONTROL_CONFIDENCE, PLANTED_CONFIDENCE, negative, positive
from reticent.audit.embedding.experiment import EmbeddingExperiment
from reticent.audit.embedding.grade import exact_match
from reticent.audit.embedding.utility import neighbours
from reticent.audit.pieces import Piece
from reticent.audit.record import Control
from reticent.core import as_texts
from reticent.stats.differences import paired_difference
from reticent.stats.intervals import proportion

ROLLED, ROLLED_RIVAL = "rolled", "rolled_rival"
MOST_PLANTED = 200


def rolled(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the texts moved on by half their number: each is held against another's truth."""
    half = len(texts) // 2
    return (*texts[half:], *texts[:half])


def controls(experiment: EmbeddingExperiment, pieces: Mapping[str, Piece]) -> list[Control]:
    """Return the controls of an audit of vectors.

    Positive: bare vectors of some texts, searched among many, find their own text again. If they do
    not, the embedder answers alike to all, and no attack could have read anything. Negative: what
    each attack claimed, held against the truth of other vectors, is no better than its rival.

    Args:
        experiment: what is audited.
        pieces: what was measured.
    """
    return [_found_again(experiment), *(_silent(name, piece) for name, piece in pieces.items())]


def _found_again(experiment: EmbeddingExperiment) -> Control:
    texts = list(dict.fromkeys([*experiment.texts, *experiment.own]))
    planted = texts[:MOST_PLANTED]
    vectors = experiment.target.answer(as_texts(texts)).embeddings
    bare = np.zeros((len(texts), 1)) if vectors is None else vectors
    nearest = neighbours(bare[: len(planted)], bare, 1)[:, 0]
    found = exact_match([texts[i] for i in nearest], planted)
    return positive(
        "texts found again",
        "Bare vectors of known texts, searched among all; each must lead to its own text.",
        proportion(
            int(found.sum()), len(found), metric="exact_match", confidence=PLANTED_CONFIDENCE
        ),
        at_least=0.5,
    )


def _silent(cell: str, piece: Piece) -> Control:
    return negative(
        f"other vectors' texts ({cell})",
        "The claimed texts, each held against the text behind another vector: no gain.",
        paired_difference(
            piece.arrays[ROLLED],
            piece.arrays[ROLLED_RIVAL],
            metric="gain",
            confidence=CONTROL_CONFIDENCE,
        ),
        at_most=0.0,
    )
