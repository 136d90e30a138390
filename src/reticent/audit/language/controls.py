"""Checks of the audit itself: what surely comes back is found, and nothing where nothing is."""

from collections.abc import Mapping

import numpy as np

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.continuation import Continuation
from reticent.attacks.language.greedy import GreedyExtraction
from reticent.audit.controls import CONTROL_CONFIDENCE, PLANTED_CONFIDENCE, negative, positive
from reticent.audit.language.experiment import TextExperiment
from reticent.audit.pieces import Piece
from reticent.audit.record import Control
from reticent.core import Bools, Channel
from reticent.core.language import Passage
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.stats.differences import difference
from reticent.stats.intervals import proportion
from reticent.stats.roc import auc
from reticent.text_access import TextAccess

MOST = 24
NULL_HITS, NULL_SCORES = "null_hits", "null_scores"


def controls(experiment: TextExperiment, pieces: Mapping[str, Piece]) -> list[Control]:
    """Return the controls of an audit of a language model.

    Positive: text that the model itself writes when it takes the likeliest tokens comes back from
    it, so it must be found; the same text with one token changed must not. Negative: each attack
    tells one half of the unseen text from the other no better than chance.

    Args:
        experiment: what is audited.
        pieces: what was measured.
    """
    own, spoiled = _own_text(experiment)
    return [
        positive(
            "the model's own text",
            "Text that the model surely writes, because it just did: it must be found.",
            proportion(int(own.sum()), len(own), metric="found", confidence=PLANTED_CONFIDENCE),
            at_least=0.5,
        ),
        negative(
            "the model's own text, altered",
            "The same with one token changed: it must not be found.",
            proportion(
                int(spoiled.sum()),
                len(spoiled),
                metric="found",
                confidence=CONTROL_CONFIDENCE,
            ),
            at_most=0.0,
        ),
        *(_silent(name, piece) for name, piece in pieces.items()),
    ]


def _own_text(experiment: TextExperiment) -> tuple[Bools, Bools]:
    """Return whether the model's own continuations are found, as they are and altered."""
    model = experiment.target
    access = TextAccess(
        target=model,
        policy=Policy(),
        ledger=QueryLedger(),
        token_ledger=QueryLedger(),
        identity="control",
    )
    passages, _ = experiment.passages()
    prompts = [p.given for p in passages[:MOST]]
    written = model.generate(prompts, new_tokens=experiment.wanted)
    rng = np.random.default_rng([experiment.seed, 11])
    own, spoiled = [], []
    for text in written:
        if len(text.tokens) < experiment.wanted:
            continue  # it ended the text itself: what comes back is shorter than a passage
        given = prompts[text.prompt]
        own.append(Passage(tokens=np.concatenate([given, text.tokens]), prompt=len(given)))
        other = text.tokens.copy()
        place = int(rng.integers(len(other)))
        other[place] = (other[place] + 1) % model.vocabulary
        spoiled.append(Passage(tokens=np.concatenate([given, other]), prompt=len(given)))
    attack = GreedyExtraction() if Channel.LOGPROBS & model.channels else Continuation()
    found = [attack.run(access, side, TextKnowledge(), rng).verdicts for side in (own, spoiled)]
    none = np.zeros(0, dtype=bool)
    return (
        none if found[0] is None else found[0],
        none if found[1] is None else found[1],
    )


def _silent(cell: str, piece: Piece) -> Control:
    what = "One half of the text that the model never saw against the other: no difference."
    if NULL_HITS in piece.arrays:
        hits = piece.arrays[NULL_HITS]
        a, b = hits[::2], hits[1::2]
        leak = difference(int(a.sum()), len(a), int(b.sum()), len(b), confidence=CONTROL_CONFIDENCE)
        return negative(f"unseen text ({cell})", what, leak, at_most=0.0)
    scores = piece.arrays[NULL_SCORES]
    area = auc(scores[::2], scores[1::2], confidence=CONTROL_CONFIDENCE)
    return negative(f"unseen text ({cell})", what, area, at_most=0.5)
