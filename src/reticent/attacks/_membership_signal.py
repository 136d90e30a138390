"""From answers to one confidence per candidate: the signal that every membership score reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.core import (
    Answer,
    Bools,
    Candidates,
    Channel,
    Column,
    Floats,
    Inputs,
    Ints,
    NotEnoughKnowledge,
    NotExposed,
    take,
)

TINIEST = 1e-40  # below this a float32 model has nothing more to say
ANSWERS = Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.VALUE


class Kind(StrEnum):
    """What a confidence was made from."""

    SCORES = "scores"  # nats: log-odds of the candidate's own class
    LABELS = "labels"  # 1 right, 0 abstained, -1 wrong
    VALUES = "values"  # minus the absolute error, in the outcome's unit


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Signals:
    """How sure the target and each reference model are; all confidences of one kind.

    Attributes:
        kind: what the confidences were made from.
        target: (n,) the audited model's, on the candidates.
        references: (m, n) the reference models', on the candidates.
        contains: (m, n) which candidates each reference model was trained on.
        target_z: (z,) the audited model's, on records that it was not trained on; may be empty.
        references_z: (m, z) the reference models', on the same records.
    """

    kind: Kind
    target: Floats
    references: Floats
    contains: Bools
    target_z: Floats
    references_z: Floats

    def pretend(self, j: int) -> "Signals":
        """Return the case in which reference j is the audited model and the others its references.

        Its membership is known to the adversary: `contains[j]`.
        """
        others = np.arange(len(self.references)) != j
        return replace(
            self,
            target=self.references[j],
            references=self.references[others],
            contains=self.contains[others],
            target_z=self.references_z[j],
            references_z=self.references_z[others],
        )

    def likelihoods(self) -> "Signals":
        """Return the same with each confidence turned into Pr(outcome | model), in (0, 1]."""
        if self.kind is Kind.VALUES:
            # A normal error whose spread is what non-members show.
            errors = self.references if self.references.size else self.target
            scale = max(float(np.sqrt(np.mean(errors**2))), np.finfo(float).tiny)

            def to_p(c: Floats) -> Floats:
                return np.maximum(np.exp(-0.5 * (c / scale) ** 2), TINIEST)
        elif self.kind is Kind.LABELS:

            def to_p(c: Floats) -> Floats:
                return 0.5 + 0.49 * c  # a label is right 99 times in 100 at the most
        else:

            def to_p(c: Floats) -> Floats:
                return 0.5 * (1 + np.tanh(c / 2)) + TINIEST

        return replace(
            self,
            target=to_p(self.target),
            references=to_p(self.references),
            target_z=to_p(self.target_z),
            references_z=to_p(self.references_z),
        )


def log_odds(scores: Floats, y: Ints, *, floor: float) -> Floats:
    """Return log p_y - log(sum of the other probabilities), (n,) nats.

    The sum of the others, not 1 - p_y: where p_y rounds to 1.0 in floating point the others still
    tell 1e-9 from 1e-30, and the lowest false-positive rates live there (Carlini et al. 2022,
    section IV-C).

    A withheld entry (NaN) is censored, not zero: it lies between 0 and the lesser of the smallest
    entry shown and what is missing to 1. Each stands in with an equal part of what is missing.

    Args:
        scores: (n, k), NaN where withheld; rows need not sum to 1 (rounding, noise).
        y: (n,) class index.
        floor: least probability; half a rounding step, so that 0.00 and 1.00 stay finite.

    >>> p = np.array([[0.75, 0.25], [1.0, 1e-20], [np.nan, 0.8]])
    >>> log_odds(p, np.array([0, 0, 0]), floor=1e-30).round(3)
    array([ 1.099, 46.052, -1.386])
    """
    withheld = np.isnan(scores)
    missing = np.maximum(1.0 - np.where(withheld, 0.0, scores).sum(axis=1), 0.0)
    smallest = np.where(withheld, np.inf, scores).min(axis=1)
    share = np.minimum(missing / np.maximum(withheld.sum(axis=1), 1), smallest)
    filled = np.where(withheld, share[:, None], scores)
    rows = np.arange(len(scores))
    own = filled[rows, y]
    filled[rows, y] = 0.0
    # A shown answer outranks what follows from it: the withheld sum is known exactly.
    others = np.where(
        withheld.any(axis=1) & ~withheld[rows, y],
        np.where(withheld, 0.0, filled).sum(axis=1) + missing,
        filled.sum(axis=1),
    )
    result: Floats = np.log(np.maximum(own, floor)) - np.log(np.maximum(others, floor))
    return result


def floor_of(shown: Sequence[Floats], steps: Sequence[dict[str, Any]]) -> float:
    """Return half of the finest step that the answers can take, as a probability.

    Args:
        shown: score matrices; a forest of 50 trees has a step of its own, 1/50.
        steps: the policy as plain data; its coarsest `round` sets the step.

    >>> floor_of([np.array([[1.0, 0.0], [0.98, 0.02]])], [])
    0.01
    >>> floor_of([], [{"kind": "round", "digits": 2}])
    0.005
    """
    rounded = [10.0 ** -int(step["digits"]) for step in steps if step.get("kind") == "round"]
    if rounded:
        return max(rounded) / 2
    positive = [s[(s > 0) & (s < 1)] for s in shown]
    least = min((float(p.min()) for p in positive if p.size), default=TINIEST)
    return max(least / 2, TINIEST)


def observe(
    access: Access,
    candidates: Candidates,
    knowledge: Knowledge,
    rng: np.random.Generator,
    *,
    attack: str,
    references: int = 0,
    z: int = 0,
    needs_z: bool = False,
) -> Signals:
    """Ask the target and the reference models, once a record.

    Args:
        access: the door to the target.
        candidates: who is under test, with outcomes.
        knowledge: reference models, and the population that z is drawn from.
        rng: draws z.
        attack: its name, for messages.
        references: how many the attack must have; 0 asks none.
        z: the most population records to ask about; fewer where the query budget ends.
        needs_z: whether the attack cannot do without them.

    Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
    """
    y = outcomes_of(candidates, attack)
    models = list(knowledge.references) if references else []
    if len(models) < references:
        raise NotEnoughKnowledge(
            f"{attack} needs at least {references} reference models and was given {len(models)}.",
            way_out="Train more reference models, or choose loss, gap or quantile.",
        )
    zx, zy = _population(access, knowledge, y, z, rng)
    if needs_z and len(zy) == 0:
        raise NotEnoughKnowledge(
            f"{attack} compares with records of the population and there are none to ask about "
            f"({access.queries_left} queries left, {len(candidates)} candidates).",
            way_out="Set aside auxiliary rows, or raise query_budget above the candidates.",
        )
    asked = [_ask(access, candidates.x, zx), *(_ask(r.access, candidates.x, zx) for r in models)]
    kind = _kind(access, [answer for answer, _ in asked])
    shown = [a.scores for a, _ in asked if a.scores is not None]
    floor = floor_of(shown, access.policy.to_list()) if kind is Kind.SCORES else 0.0
    on_x = [confidence(a, y, kind=kind, floor=floor) for a, _ in asked]
    on_z = [confidence(a, zy, kind=kind, floor=floor) for _, a in asked]
    n, m = len(candidates), len(models)
    return Signals(
        kind=kind,
        target=on_x[0],
        references=np.array(on_x[1:]).reshape(m, n),
        contains=np.array([r.contains for r in models], dtype=np.bool_).reshape(m, n),
        target_z=on_z[0],
        references_z=np.array(on_z[1:]).reshape(m, len(zy)),
    )


def confidence(answer: Answer, y: Column, *, kind: Kind, floor: float = TINIEST) -> Floats:
    """Return (n,) how sure an answer is of the outcome; higher is surer. See `Kind` for units."""
    if kind is Kind.SCORES and answer.scores is not None:
        return log_odds(answer.scores, y, floor=floor)
    if kind is Kind.VALUES and answer.values is not None:
        return -np.abs(answer.values - y)
    labels = answer.labels if answer.labels is not None else np.full(len(y), -1)
    return np.where(labels < 0, 0.0, np.where(labels == y, 1.0, -1.0))


def outcomes_of(candidates: Candidates, attack: str) -> Column:
    """Return the candidates' outcomes.

    Raises: NotEnoughKnowledge if the adversary has not seen them.
    """
    if candidates.y is None:
        raise NotEnoughKnowledge(
            f"{attack} compares answers with each candidate's outcome, and y is not known.",
            way_out="Let the adversary see y (the target column), as most threat models do.",
        )
    return candidates.y


def _population(
    access: Access, knowledge: Knowledge, y: Column, z: int, rng: np.random.Generator
) -> "tuple[Inputs | None, Column]":
    people = knowledge.population
    left = access.queries_left
    most = z if left is None else min(z, left - len(y))
    if people is None or most <= 0:
        return None, y[:0]
    chosen = np.sort(rng.permutation(len(people))[:most])
    return take(people.x, chosen), people.y[chosen]


def _ask(access: Access, x: Inputs, zx: "Inputs | None") -> tuple[Answer, Answer]:
    answer = access.ask(x)
    return answer, access.ask(zx) if zx is not None else answer.take(np.empty(0, dtype=np.int64))


def _kind(access: Access, answers: Sequence[Answer]) -> Kind:
    if all(a.scores is not None for a in answers):
        return Kind.SCORES
    if all(a.values is not None for a in answers):
        return Kind.VALUES
    if all(a.labels is not None for a in answers):
        return Kind.LABELS
    raise NotExposed(
        f"{access.target.name} and its reference models share no scores, labels or values.",
        way_out="Give the reference models the target's channels and policy.",
    )
