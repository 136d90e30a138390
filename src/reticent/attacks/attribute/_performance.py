"""The model's performance as the adversary can know it: Fredrikson's side information."""

import numpy as np

from reticent.access import Access
from reticent.attacks.attribute._evidence import Performance, confusion_matrix
from reticent.attacks.base import Knowledge
from reticent.core import Answer, Channel, Column, take


def measure(
    access: Access,
    knowledge: Knowledge,
    *,
    outcome_seen: bool,
    reserve: int,
    most: int,
    rng: np.random.Generator,
) -> tuple[Performance, str]:
    """Return confusion matrix or residuals, and in words where they are from.

    Shadow models tell them of people in the training data and cost nothing; else the target is
    asked about the adversary's own records, as far as the query budget reaches beyond
    `reserve`. Scores need neither: they state the probability of the outcome themselves.
    """
    scored = bool((Channel.SCORES | Channel.TOP_K) & access.channels)
    if not outcome_seen or scored:
        return Performance(), "not needed"
    if knowledge.shadows:
        answers, outcomes = _on_shadows(knowledge)
        return _performance(answers, outcomes, len(access.classes)), "members of shadow models"
    left = access.queries_left
    spare = most if left is None else max(min(most, left - reserve), 0)
    population = knowledge.population
    if population is None or len(population) == 0 or spare == 0:
        return _assumed(len(access.classes)), "assumed: right nine times in ten"
    rows = np.sort(rng.permutation(len(population))[:spare])
    answer = access.ask(take(population.x, rows))
    found = _performance([answer], [np.asarray(population.y)[rows]], len(access.classes))
    return found, f"{len(rows)} of the adversary's own records"


def _on_shadows(knowledge: Knowledge) -> tuple[list[Answer], list[Column]]:
    answers, outcomes = [], []
    for shadow in knowledge.shadows:
        inside = np.flatnonzero(shadow.contains)
        answers.append(shadow.access.ask(take(shadow.population.x, inside)))
        outcomes.append(np.asarray(shadow.population.y)[inside])
    return answers, outcomes


def _performance(answers: list[Answer], outcomes: list[Column], classes: int) -> Performance:
    y = np.concatenate(outcomes)
    labels = [a.labels for a in answers if a.labels is not None]
    values = [a.values for a in answers if a.values is not None]
    confusion = residuals = None
    if classes and labels:
        confusion = confusion_matrix(np.concatenate(labels), y.astype(np.int64), classes)
    if values:
        off = y.astype(np.float64) - np.concatenate(values)
        residuals = off[np.isfinite(off)]
    return Performance(confusion=confusion, residuals=residuals)


def _assumed(classes: int) -> Performance:
    """Return a weak belief in the model's labels; nothing is assumed of a regressor's error."""
    if not classes:
        return Performance()
    right = np.eye(classes) * (0.9 - 0.1 / max(classes - 1, 1)) + 0.1 / max(classes - 1, 1)
    flat = np.full((1, classes), 1.0 / classes)
    return Performance(confusion=np.vstack([right, flat]))
