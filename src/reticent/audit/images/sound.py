"""Whether a model answers at all as a served one does: the same to the same, and to each alone."""

import numpy as np

from reticent.audit.images.experiment import ImageExperiment
from reticent.audit.images.identify import enrolled, identified
from reticent.core import Answer, BadAnswer, BadInput, Floats
from reticent.policy import Policy
from reticent.stats.intervals import clopper_pearson
from reticent.targets.base import Target

ASKED = 6  # photos, alone and together
TOL = 1e-3  # of the greatest score or coordinate: float32 differs by the size of the batch
SURE = 0.99  # that a model which knows its training photos is not taken for one that does not


def check_model(experiment: ImageExperiment) -> None:
    """Refuse a model whose answers are not its own.

    Raises: BadInput for one that answers the same picture differently (dropout is on), or by the
        pictures it came with (batch norm is learning), or that does not know its training photos
        (pictures, range, colours or classes are not as it takes them).
    """
    target, training = experiment.target, experiment.training
    rows = np.linspace(0, len(training) - 1, ASKED).astype(int)
    x = experiment.space.inputs(training.x[rows])
    together = _numbers(target.answer(x))
    if not _same(together, _numbers(target.answer(x))):
        raise BadInput(
            f"{target.name} answers the same pictures differently when asked again: something in "
            "it draws, such as dropout.",
            way_out="Audit the model as it is served: in evaluation mode, with dropout off.",
        )
    by_company = BadInput(
        f"{target.name} answers a picture by the others that it came with: batch norm goes by "
        "the batch.",
        way_out="Audit the model as it is served: in evaluation mode, with the statistics that "
        "it learned (track_running_stats).",
    )
    try:
        alone = np.concatenate([_numbers(target.answer(x[i : i + 1])) for i in range(len(x))])
    except BadAnswer as error:
        raise by_company from error  # it did answer them together
    if not _same(together, alone):
        raise by_company
    _check_knows(experiment, target)


def _check_knows(experiment: ImageExperiment, target: Target) -> None:
    photos = experiment.held_out if experiment.embeds else experiment.training
    told = target.answer(experiment.space.inputs(photos.x))
    if told.embeddings is not None:
        right = identified(enrolled(experiment, Policy()), told.embeddings, photos.who)
        what = "matches held-out photos to the right person"
    elif told.labels is not None:
        right = np.asarray(told.labels == photos.who)
        what = "recognises its own training photos"
    else:
        return
    hits, chance = int(right.sum()), 1 / experiment.k
    if float(clopper_pearson(hits, len(right), confidence=SURE).lower) > chance:
        return
    low, high = experiment.space.low, experiment.space.high
    raise BadInput(
        f"{target.name} {what} in {hits} of {len(right)} cases, which is chance: it is asked "
        "otherwise than it was trained, or was not trained.",
        way_out=f"Check model.range (now {low:g} to {high:g}), the colours and their order, "
        "model.layout, and that model.classes stand in the order of its answers.",
    )


def _numbers(answer: Answer) -> Floats:
    """Return (n, d) what an answer says in numbers; labels where there is nothing else."""
    for part in (answer.scores, answer.embeddings):
        if part is not None:
            return part
    labels = answer.labels
    return np.empty((0, 1)) if labels is None else np.asarray(labels[:, None], dtype=np.float64)


def _same(a: Floats, b: Floats) -> bool:
    scale = max(float(np.abs(a).max(initial=0.0)), 1e-9)
    return a.shape == b.shape and bool((np.abs(a - b) <= TOL * scale).all())
