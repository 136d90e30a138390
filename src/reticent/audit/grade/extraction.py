"""Grade copies of the model: how often the copy answers as the model does."""

import numpy as np

from reticent.audit.grade.base import Graded
from reticent.core import Answer, Bools, ExtractionClaim
from reticent.stats.differences import gain, mcnemar_p
from reticent.stats.intervals import proportion

NEAR_STDS = 0.25  # a regressor's copy agrees within a quarter of the answers' spread


def grade_extraction(
    claim: ExtractionClaim, answer: Answer, is_member: Bools, *, confidence: float
) -> Graded:
    """Join a copy's answers to the model's own, on people that the copy was not made from.

    Args:
        claim: the copy's answers to the candidates.
        answer: the model's raw answers to the candidates.
        is_member: (n,); fidelity is counted on non-members, whom neither was fitted to.
        confidence: of every interval.
    """
    agrees, lazy = _agreement(claim, answer)
    outside, rival = agrees[~is_member], lazy[~is_member]
    gained = gain(outside, {"constant": rival}, confidence=confidence, members=False)
    return Graded(
        primary=gained,
        gain=gained,
        baseline=proportion(
            int(rival.sum()),
            len(rival),
            metric="fidelity_of_a_constant",
            confidence=confidence,
            members=False,
        ),
        figures=(
            proportion(
                int(outside.sum()),
                len(outside),
                metric="fidelity",
                confidence=confidence,
                members=False,
            ),
        ),
        p_value=mcnemar_p(outside, rival).one_sided if len(outside) else None,
        arrays={"agrees": agrees},
    )


def _agreement(claim: ExtractionClaim, answer: Answer) -> tuple[Bools, Bools]:
    """Return (n,) whether the copy agrees, and whether the best constant answer does."""
    if claim.labels is not None and answer.labels is not None:
        usual = int(np.bincount(answer.labels[answer.labels >= 0]).argmax())
        return claim.labels == answer.labels, answer.labels == usual
    if claim.values is not None and answer.values is not None:
        near = NEAR_STDS * float(answer.values.std())
        middle = float(np.median(answer.values))
        agrees = np.abs(claim.values - answer.values) <= near
        return np.asarray(agrees), np.asarray(np.abs(answer.values - middle) <= near)
    raise TypeError("the copy answers with another kind than the model")
