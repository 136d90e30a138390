"""Run one attack on pictures and grade it: what one cell of the record is made of."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from reticent.attacks import Attack
from reticent.audit.fewer_queries import SHARES, success_curve, with_fewer
from reticent.audit.grade.base import Graded
from reticent.audit.images.door import Setting
from reticent.audit.images.grade import Bench, grade, pictures_of
from reticent.audit.plan import Task
from reticent.core import BudgetSpent, ReconstructionClaim


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outcome:
    """One task, done.

    Attributes:
        graded: its pictures judged.
        queries: pictures asked about, for all classes together.
        steps: gradient steps taken.
        notes: what the attack chose or found on the way.
    """

    graded: Graded
    queries: int
    steps: int
    notes: dict[str, Any]


def run_cell(
    bench: Bench, setting: Setting, attack: Attack, task: Task, rng: np.random.Generator
) -> Outcome:
    """Run an attack through its door and grade its pictures; draw success against queries.

    A query budget that is too small gives a cell without pictures, not a failure: what could be
    asked did not suffice, and the cell says so.

    Raises: NotExposed, NotEnoughKnowledge, BadAnswer, BadInput.
    """
    budget = bench.experiment.query_budget
    draws = rng.spawn(1 + len(SHARES))
    try:
        outcome = _at_budget(bench, setting, attack, task, draws[0], budget)
    except BudgetSpent as error:
        return _unfinished(bench, task, error, draws[0])
    if outcome.queries < 2 * len(bench.experiment.people):
        return outcome
    points = with_fewer(
        outcome.queries, draws[1:], partial(_at_budget, bench, setting, attack, task)
    )
    curve = success_curve((o.queries, o.graded.primary) for o in [*points, outcome])
    if curve is None:
        return outcome
    return replace(outcome, graded=replace(outcome.graded, curves=(curve,)))


def make(
    bench: Bench,
    setting: Setting,
    attack: Attack,
    level: str,
    policy: str | None,
    rng: np.random.Generator,
    query_budget: int | None,
) -> tuple[ReconstructionClaim, int]:
    """Return what an attack claims, and the queries it took; `policy` None for no defence."""
    from reticent.policy import Policy

    chain = Policy() if policy is None else bench.experiment.policies[policy]
    access = setting.door(level, chain, query_budget)
    claim = attack.run(access, setting.wanted(level, chain), setting.knowledge, rng)
    if not isinstance(claim, ReconstructionClaim):
        raise TypeError(f"{attack.name} made a {type(claim).__name__}, not pictures")
    return claim, access.queries


def _at_budget(
    bench: Bench,
    setting: Setting,
    attack: Attack,
    task: Task,
    rng: np.random.Generator,
    query_budget: int | None,
) -> Outcome:
    (judging,) = rng.spawn(1)
    claim, queries = make(bench, setting, attack, task.level, task.policy, rng, query_budget)
    images = pictures_of(claim, bench.experiment)
    graded = grade(bench, images, claim.confidence, judging)
    blind = int(claim.notes.get("steps_without_gradient", 0)) >= len(bench.experiment.people)
    if claim.notes.get("complete") is False or blind:
        # Stopped by the budget, or led by no gradient: what else would have shown is open.
        graded = replace(graded, reach=None)
    return Outcome(graded=graded, queries=queries, steps=claim.steps, notes=dict(claim.notes))


def _unfinished(bench: Bench, task: Task, error: BudgetSpent, rng: np.random.Generator) -> Outcome:
    experiment = bench.experiment
    m = len(experiment.people)
    nothing = np.full((m, *experiment.space.shape), np.nan)
    graded = grade(bench, nothing, np.zeros(m), rng)
    # Not 0 of m: the attack was stopped, it did not fail.
    empty = replace(
        graded.primary, estimate=None, lower=None, upper=None, counts={"hits": 0, "n": 0}
    )
    return Outcome(
        graded=replace(graded, primary=empty, gain=None, p_value=None, figures=()),
        queries=0,
        steps=0,
        notes={"stopped": str(error)},
    )
