"""What an embedder is for: a new photo is matched to the stored vector of the same person."""

import numpy as np

from reticent.audit.images.experiment import ImageExperiment
from reticent.core import Bools, Floats, Ints
from reticent.policy import Policy


def enrolled(experiment: ImageExperiment, policy: Policy) -> Floats:
    """Return (k, d) the vector of each person's first training photo as a policy lets it out."""
    training = experiment.training
    first = [int(np.flatnonzero(training.who == i)[0]) for i in range(experiment.k)]
    x = experiment.space.inputs(training.x[first])
    told = policy.apply(experiment.target.answer(x), x, secret=experiment.secret)
    if told.embeddings is None:
        raise ValueError("The policy withholds vectors.")
    return told.embeddings


def identified(stored: Floats, seen: Floats, who: Ints) -> Bools:
    """Return (n,) whether each vector is nearest, by cosine, to that of the right person.

    Args:
        stored: (k, d) a vector a person.
        seen: (n, d) of new photos; withheld coordinates count as 0.
        who: (n,) the person on each.
    """
    near = _unit(seen) @ _unit(stored).T
    return np.asarray(near.argmax(axis=1) == who, dtype=bool)


def _unit(vectors: Floats) -> Floats:
    plain = np.nan_to_num(vectors)
    return np.asarray(plain / np.maximum(np.linalg.norm(plain, axis=1, keepdims=True), 1e-12))
