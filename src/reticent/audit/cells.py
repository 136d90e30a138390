"""Run one task and grade it: what one cell of the record is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from reticent.access import Access
from reticent.attacks import Attack, Knowledge, Reference
from reticent.attacks._kept import INPUTS, in_space
from reticent.attacks._rows import match_rows
from reticent.audit.fewer_queries import SHARES, success_curve, with_fewer
from reticent.audit.grade import (
    Graded,
    grade_artefact,
    grade_attribute,
    grade_extraction,
    grade_membership,
    grade_record,
)
from reticent.audit.plan import Task
from reticent.audit.prepare import Prepared
from reticent.audit.profiles import Profiles, draw_profiles
from reticent.core import (
    ArtefactClaim,
    AttributeClaim,
    Bools,
    Candidates,
    Claim,
    ExtractionClaim,
    Family,
    Inputs,
    MembershipClaim,
    RangeClaim,
    RecordClaim,
    Seen,
)
from reticent.ledger import QueryLedger
from reticent.stats.roc import auc

CURVE_FROM = 1.5  # queries a person from which success is drawn against queries


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outcome:
    """One task, done.

    Attributes:
        task: the task.
        graded: its claim joined to the truth.
        queries: rows asked of the target.
        notes: what the attack chose or found on the way.
    """

    task: Task
    graded: Graded
    queries: int
    notes: Mapping[str, object]


def run_task(
    prepared: Prepared,
    attack: Attack,
    task: Task,
    imputation: AttributeClaim | None,
    rng: np.random.Generator,
) -> Outcome:
    """Run an attack through its door and grade what it claims.

    Args:
        prepared: the experiment with all training done.
        attack: with its settings.
        task: what it is run for.
        imputation: the guesses of a learner without the model, for tasks with hidden columns.
        rng: of the attack; grading draws its halves from a child of it.

    Raises: NotExposed, BudgetSpent, NotEnoughKnowledge, BadAnswer.
    """
    budget = prepared.experiment.query_budget
    draws = rng.spawn(1 + len(SHARES))
    outcome = _at_budget(prepared, attack, task, imputation, draws[0], budget)
    if not _worth_a_curve(prepared, outcome):
        return outcome
    points = with_fewer(
        outcome.queries, draws[1:], partial(_at_budget, prepared, attack, task, imputation)
    )
    curve = success_curve((o.queries, o.graded.primary) for o in [*points, outcome])
    if curve is None:
        return outcome
    graded = replace(outcome.graded, curves=(*outcome.graded.curves, curve))
    return replace(outcome, graded=graded)


def _at_budget(
    prepared: Prepared,
    attack: Attack,
    task: Task,
    imputation: AttributeClaim | None,
    rng: np.random.Generator,
    query_budget: int | None,
) -> Outcome:
    access = prepared.door(task, ledger=QueryLedger(query_budget))
    (splits,) = rng.spawn(1)
    claim: Claim
    if task.family is Family.RANGE:
        claim, graded = _range(prepared, attack, task, access, rng, splits)
    else:
        claim = attack.run(access, prepared.candidates(task), prepared.knowledge(task), rng)
        graded = _grade(prepared, claim, task, imputation, splits)
    return Outcome(task=task, graded=graded, queries=access.queries, notes=claim.notes)


def _worth_a_curve(prepared: Prepared, outcome: Outcome) -> bool:
    """Return whether fewer queries would tell: many a person, under the policy in force."""
    task, experiment = outcome.task, prepared.experiment
    return (
        task.policy == next(iter(experiment.policies))
        and task.seen is Seen.Y
        and outcome.queries > CURVE_FROM * len(experiment.is_member)
    )


def _grade(
    prepared: Prepared,
    claim: Claim,
    task: Task,
    imputation: AttributeClaim | None,
    rng: np.random.Generator,
) -> Graded:
    experiment = prepared.experiment
    confidence = experiment.confidence
    match claim:
        case MembershipClaim():
            return grade_membership(
                claim.scores,
                experiment.is_member,
                rng,
                confidence=confidence,
                prior=experiment.prior_membership,
                ppv_declared=experiment.ppv_declared,
            )
        case AttributeClaim() if imputation is not None:
            positive = {s.column: s.positive for s in experiment.sensitive}
            return grade_attribute(
                claim,
                _frame(experiment.pool.x),
                experiment.is_member,
                imputation,
                experiment.domains,
                rng,
                confidence=confidence,
                ppv_declared=experiment.ppv_declared,
                positive=positive.get(task.hidden[0]),
            )
        case RecordClaim() if imputation is not None:
            return grade_record(
                claim,
                _frame(experiment.pool.x),
                experiment.is_member,
                imputation,
                experiment.domains,
                confidence=confidence,
            )
        case ExtractionClaim():
            answer = prepared.target.answer(experiment.pool.x)
            return grade_extraction(claim, answer, experiment.is_member, confidence=confidence)
        case ArtefactClaim():
            found = found_rows(prepared, claim)
            return grade_artefact(found, experiment.is_member, confidence=confidence)
        case _:
            raise TypeError(f"{task.attack} made a {type(claim).__name__}, which has no grader")


def _frame(x: Inputs) -> pd.DataFrame:
    if isinstance(x, np.ndarray):
        raise TypeError("hidden columns need named columns")
    return x


def found_rows(prepared: Prepared, claim: ArtefactClaim) -> Bools:
    """Return (n,) whose row of the pool stands among the rows read out of the model.

    The model keeps rows as one of its parts sees them (`notes["space"]`), so the pool is put
    through the same steps before it is compared.
    """
    pool = prepared.experiment.pool
    if len(claim.rows) == 0:
        return np.zeros(len(pool), dtype=bool)
    space = str(claim.notes.get("space", INPUTS))
    return match_rows(claim.rows, in_space(prepared.target.weights(), space, pool.x))


def _range(
    prepared: Prepared,
    attack: Attack,
    task: Task,
    access: Access,
    rng: np.random.Generator,
    splits: np.random.Generator,
) -> tuple[RangeClaim, Graded]:
    """Ask about made-up people near real ones; "in" means a member is within reach."""
    experiment = prepared.experiment
    others = None if prepared.unseen is None else prepared.unseen.x
    profiles = draw_profiles(experiment.pool, others, rng)
    knowledge = _around(prepared.knowledge(task), profiles)
    people = Candidates(x=profiles.candidates.x, y=profiles.candidates.y)
    claim = attack.run(access, people, knowledge, rng)
    if not isinstance(claim, RangeClaim):
        raise TypeError(f"{attack.name} is no range attack")
    inside = profiles.anybody(experiment.is_member)
    # Popular profiles are answered by the population: how near its nearest person is, is the
    # rival that knows nothing of the model.
    rival = None
    if np.isfinite(profiles.distance).all() and 0 < inside.sum() < len(inside):
        near = -profiles.distance
        rival = auc(near[inside], near[~inside], confidence=experiment.confidence)
    graded = grade_membership(
        claim.scores,
        inside,
        splits,
        confidence=experiment.confidence,
        prior=experiment.prior_membership,
        ppv_declared=experiment.ppv_declared,
        baseline=rival,
    )
    return claim, graded


def _around(knowledge: Knowledge, profiles: Profiles) -> Knowledge:
    """Say of each reference which profiles somebody in its training data resembles."""
    return replace(
        knowledge,
        references=[
            Reference(access=r.access, contains=profiles.anybody(r.contains))
            for r in knowledge.references
        ],
    )
