"""Takes what the public knows out of a claim, and keeps the uncorrected numbers beside it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reticent.attacks.language._asking import by_reference, known, log_p, said_to, sure
from reticent.attacks.language._signals import LEAST, ranked
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel
from reticent.core.language import Passage, Sampling, TextClaim, extractable
from reticent.text_access import TextAccess


def corrected(
    claim: TextClaim,
    access: TextAccess,
    passages: Sequence[Passage],
    knowledge: TextKnowledge,
    *,
    sampling: Sampling,
    draws: int,
    success: float,
) -> TextClaim:
    """Return a claim of extraction, less what the public knows.

    A passage is public if it stands in the public texts, or if any reference model gives it back
    within as many draws, or by its likeliest tokens. Scores that are log-probabilities lose the
    highest of the references'.

    Args:
        claim: with scores in nats, or in tokens if it has no `log_p`.
        access: the door to the model under test.
        passages: under test.
        knowledge: reference models and public texts.
        sampling: the scheme.
        draws: as in `core.language.extractable`.
        success: as there.
    """
    if not knowledge.references and knowledge.public is None:
        return claim
    public = known(access, passages, knowledge.public)
    best = np.full(len(passages), -np.inf)
    told = [r for r in knowledge.references if Channel.LOGPROBS & r.channels]
    for reference in told:
        theirs = by_reference(access, reference, passages)
        said = said_to(reference, theirs, sampling=sampling)
        found = log_p(theirs, said)
        best = np.fmax(best, found)
        public |= extractable(found, draws=draws, success=success)
        public |= [
            bool(sure(p, each, reference.tie_margin)) for p, each in zip(theirs, said, strict=True)
        ]
    if not told or claim.log_p is None:
        return replace(claim, public=public, uncorrected=claim.scores)
    return replace(
        claim,
        public=public,
        baseline=best,
        uncorrected=claim.scores,
        scores=ranked(np.maximum(claim.log_p, LEAST) - np.maximum(best, LEAST)),
    )
