"""How surprising a claim would be if nothing leaked: exact probabilities."""

from typing import Any

import numpy as np
from scipy.stats import binom, hypergeom

from reticent.attacks._kept import INPUTS, in_space
from reticent.attacks._rows import match_rows
from reticent.core import (
    ArtefactClaim,
    AttributeClaim,
    Bools,
    Claim,
    ExtractionClaim,
    Floats,
    MembershipClaim,
    RangeClaim,
    ReconstructionClaim,
    RecordClaim,
    TextReconstructionClaim,
)
from reticent.testing.planted import Planted
from reticent.testing.planted_texts import slots_right


def chances(claim: Claim, case: Planted) -> tuple[float, float]:
    """Return P(at least so much success) and P(at most so much) if nothing leaked.

    Membership and range: members among those who score at least the median, hypergeometric.
    Attributes and records: members guessed right (all hidden columns), binomial at the best
    accuracy possible without the model. Extraction: candidates copied right, binomial at the share
    of the commonest answer. Artefacts: 0 if some member's row and no other was found. Pictures:
    those nearest to their own class's prototype of all, binomial at one in so many. Texts: slots of
    the template that are named right, binomial at the share of each filling.
    """
    if isinstance(claim, (MembershipClaim, RangeClaim)):
        return _halves(claim.scores, case.truth.is_member)
    if isinstance(claim, ArtefactClaim):
        return _artefacts(claim, case)
    if isinstance(claim, ExtractionClaim):
        return _copies(claim, case)
    if isinstance(claim, ReconstructionClaim):
        return _pictures(claim, case)
    known = case.known.get("imputation_accuracy", case.known.get("prior_accuracy"))
    if known is None:
        raise ValueError("the planted audit does not say how well one can guess without the model")
    if isinstance(claim, TextReconstructionClaim):
        slots = slots_right(claim, case)
        return _binomial(int(slots.sum()), len(slots), known)
    right = right_guesses(claim, case)[case.truth.is_member]
    return _binomial(int(right.sum()), len(right), known)


def right_guesses(claim: AttributeClaim | RecordClaim, case: Planted) -> Bools:
    """Return (n,) where every hidden column was guessed right (within a continuous one's tol)."""
    truth = case.truth.records
    if truth is None:
        raise ValueError("the planted audit has no records")
    right = np.ones(len(truth), dtype=bool)
    for column in case.candidates.missing:
        guesses: Any = (
            claim.guesses[column] if isinstance(claim, AttributeClaim) else claim.records[column]
        )
        true, guessed = truth[column].to_numpy(), np.asarray(guesses)
        domain = case.knowledge.domains[column]
        if domain.continuous:
            right &= np.abs(true.astype(float) - guessed.astype(float)) <= domain.tol
        else:
            right &= true == guessed
    return right


def _halves(scores: Floats, is_member: Bools) -> tuple[float, float]:
    if not np.isfinite(scores).all():
        raise ValueError(f"scores must be finite, got {scores[~np.isfinite(scores)][:3].tolist()}")
    # The cut depends on the scores alone, so under the null the members above it are a draw.
    middle = np.median(scores)
    best = scores >= middle if (scores < middle).any() else scores > middle
    hits, n, members = int(is_member[best].sum()), len(scores), int(is_member.sum())
    null = hypergeom(n, members, int(best.sum()))
    return float(null.sf(hits - 1)), float(null.cdf(hits))


def _binomial(hits: int, n: int, chance: float) -> tuple[float, float]:
    return float(binom.sf(hits - 1, n, chance)), float(binom.cdf(hits, n, chance))


def _artefacts(claim: ArtefactClaim, case: Planted) -> tuple[float, float]:
    if len(claim.rows) == 0:
        return 1.0, 1.0
    space = str(claim.notes.get("space", INPUTS))
    seen = in_space(case.access.target.weights(), space, case.candidates.x)
    found = match_rows(claim.rows, seen)
    share = found[case.truth.is_member].mean()
    complete = share >= case.known["member_share"] - 1e-9 and share > 0
    return (0.0 if complete and not found[~case.truth.is_member].any() else 1.0), 1.0


def _copies(claim: ExtractionClaim, case: Planted) -> tuple[float, float]:
    answer = case.truth.answer
    if answer is None:
        raise ValueError("the planted audit does not say what the model answers")
    if answer.labels is not None:
        if claim.labels is None:
            raise ValueError("the target is a classifier and the claim has no labels")
        hits = int((claim.labels == answer.labels).sum())
        return _binomial(hits, len(answer.labels), case.known["majority"])
    if answer.values is None or claim.values is None:
        raise ValueError("the target is a regressor and the claim has no values")
    # Beside the mean, a copy of nothing is nearer in at most half of the cases.
    plain = np.abs(answer.values - answer.values.mean())
    hits = int((np.abs(answer.values - claim.values) < plain).sum())
    return _binomial(hits, len(plain), 0.5)


def _pictures(claim: ReconstructionClaim, case: Planted) -> tuple[float, float]:
    """Hold a line-up of all prototypes for every picture."""
    prototypes, wanted = case.truth.answer, case.truth.y
    if prototypes is None or prototypes.embeddings is None or wanted is None:
        raise ValueError("the planted audit has no prototypes of its classes")
    near = _standard(claim.images) @ _standard(prototypes.embeddings).T
    # Two pictures of one class are one guess, however often it was wanted.
    once = np.unique(wanted, return_index=True)[1]
    hits = int((near.argmax(axis=1) == wanted)[once].sum())
    return _binomial(hits, len(once), 1 / len(prototypes.embeddings))


def _standard(pictures: Floats) -> Floats:
    """Return each picture as a row of mean 0 and length 1, so that contrast plays no part."""
    rows = np.asarray(pictures, dtype=np.float64).reshape(len(pictures), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
