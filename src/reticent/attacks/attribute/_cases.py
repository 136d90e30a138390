"""What Mehnaz's attacks share: what counts as right, and which value is common."""

import numpy as np

from reticent.attacks._beliefs import fit_beliefs
from reticent.attacks._complete import Puzzle, joint_log_prior
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Floats, Ints, NotEnoughKnowledge


def reference(candidates: Candidates, *, attack: str) -> Ints:
    """Return (n,) the class that counts as right: the outcome, else the observed label.

    Raises: NotEnoughKnowledge if the adversary has seen neither, or the model is a regressor.
    """
    y, observed = candidates.y, candidates.observed
    if y is not None and np.asarray(y).dtype.kind in "iu":
        return np.asarray(y, dtype=np.int64)
    if y is None and observed is not None:
        if observed.labels is not None:
            return observed.labels
        if observed.scores is not None:
            shown = np.where(np.isfinite(observed.scores), observed.scores, -1.0)
            return np.asarray(shown.argmax(axis=1), dtype=np.int64)
    found = "a continuous outcome" if y is not None else "neither outcome nor answer"
    raise NotEnoughKnowledge(
        f"{attack} was given {found} for the candidates; it needs to know when a class is right.",
        way_out="Let the adversary see the outcome or the label, or use the attack map.",
    )


def log_frequencies(holes: Puzzle, knowledge: Knowledge, rng: np.random.Generator) -> Floats:
    """Return (n, K) log-frequency of every combination of values, the same in every row."""
    fitted = fit_beliefs(holes, knowledge, sees_outcome=False, strength="prior", rng=rng)
    return joint_log_prior([p.log_proba(holes.x, None) for p in fitted])
