"""Fast laws of the shells around the maths: what the mutants break first."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reticent
from reticent.attacks._membership_scores import lira_offline
from reticent.attacks._membership_signal import Kind, Signals
from reticent.audit.experiment import Experiment
from reticent.audit.grade import grade_membership
from reticent.audit.pieces import Measured
from reticent.audit.plan import Task
from reticent.audit.prepare import Prepared
from reticent.audit.record import Cell, Figure
from reticent.audit.verdict import decide
from reticent.core import Channel, Family, NotExposed, Population, Seen, canonical_rows, take
from reticent.defences.round import Round
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.testing import plant_attribute, plant_membership

PACKAGE = Path(reticent.__file__).parent


def test_an_answer_has_passed_the_policy() -> None:
    case = plant_membership(shift_nats=1.0, seed=1, n=50, m=0, policy=Policy((Round(digits=1),)))
    scores = case.access.scores(case.candidates.x)
    np.testing.assert_array_equal(scores, scores.round(1))


def test_a_channel_that_the_policy_shuts_is_shut() -> None:
    case = plant_membership(shift_nats=1.0, seed=1, n=50, m=0, policy=Policy((TopK(k=1),)))
    assert not Channel.SCORES & case.access.channels
    with pytest.raises(NotExposed):
        case.access.only(Channel.SCORES).scores(case.candidates.x)


def test_candidates_come_without_what_is_hidden() -> None:
    case = plant_attribute(reveal=1.0, seed=2, n=60)
    records, is_member = case.truth.records, case.truth.is_member
    assert records is not None
    y = np.asarray(case.truth.y)
    experiment = Experiment(
        target=case.access.target,
        trainer=None,
        owner="nobody",
        kind="planted",
        model_digest="",
        members=Population(x=take(records, is_member), y=y[is_member]),
        non_members=Population(x=take(records, ~is_member), y=y[~is_member]),
        auxiliary=case.knowledge.population,
        domains=case.knowledge.domains,
    )
    prepared = Prepared(
        experiment=experiment,
        target=case.access.target,
        references=(),
        shadows=(),
        unseen=None,
    )
    for seen in Seen:
        task = Task(
            attack="map",
            family=Family.ATTRIBUTE,
            level="scores",
            policy="open",
            seen=seen,
            hidden=("status",),
        )
        people = prepared.candidates(task)
        assert isinstance(people.x, pd.DataFrame)
        assert "status" not in people.x.columns
        assert people.missing == ("status",)
        assert (people.y is None) == (seen is Seen.NOTHING)
        assert (people.observed is None) == (seen in {Seen.NOTHING, Seen.Y})


def test_no_attack_imports_the_truth() -> None:
    for path in sorted((PACKAGE / "attacks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert not [n for n in names if n.startswith("reticent.audit")], path


def test_a_member_surprises_models_that_never_saw_it() -> None:
    contains = np.array([[True], [True], [True], [False], [False], [False]])
    signals = Signals(
        kind=Kind.SCORES,
        target=np.array([5.0]),
        references=np.where(contains, 5.0, 0.0) + np.array([[-0.1], [0.0], [0.1]] * 2),
        contains=contains,
        target_z=np.empty(0),
        references_z=np.empty((6, 0)),
    )
    assert lira_offline(signals)[0] > 10
    assert lira_offline(replace(signals, contains=~contains))[0] < 2


def test_grading_knows_who_is_a_member() -> None:
    rng = np.random.default_rng(3)
    is_member = rng.random(200) < 0.5
    scores = is_member + 0.1 * rng.normal(size=200)
    graded = grade_membership(scores, is_member, rng, confidence=0.95, prior=0.5, ppv_declared=0.9)
    assert graded.primary.estimate == 1.0
    assert graded.primary.lower is not None
    assert 0.5 < graded.primary.lower < 1.0
    assert graded.p_value is not None
    assert graded.p_value < 1e-6


def test_declared_cells_are_corrected_for_each_other() -> None:
    tasks = [
        Task(attack=name, family=Family.MEMBERSHIP, level="scores", policy="open", seen=Seen.Y)
        for name in ("one", "two", "three")
    ]
    area = Figure(
        metric="auc", estimate=0.6, lower=0.55, upper=0.65, confidence=0.95, method="DeLong"
    )
    cell = Cell(
        id="",
        attack="",
        family="membership",
        access="scores",
        seen="y",
        policy="open",
        declared=True,
        primary=area,
        p_value=0.01,
        tolerance=0.05,
        tier="E?",
        verdict="inconclusive",
        why="",
        queries=0,
    )
    measured = [Measured(cell=cell.model_copy(update={"id": task.id})) for task in tasks[:2]]
    cells = decide(measured, planned=tasks, confidence=0.95, ppv_declared=0.9)
    # Three were declared, one of them was not run: it keeps its place in the family.
    assert [c.p_adjusted for c in cells] == pytest.approx([0.03, 0.03])


def test_no_column_is_left_out_of_a_rows_name() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "x"], "c": [3, 3]})
    plain = canonical_rows(table)[0]
    for column, other in (("a", 9.0), ("b", "y"), ("c", 4)):
        assert canonical_rows(table.assign(**{column: other}))[0] != plain  # type: ignore[arg-type]  # one value for all rows
    numbers = table[["a", "c"]]
    for column in numbers:
        assert canonical_rows(numbers.assign(**{column: 9.0}))[0] != canonical_rows(numbers)[0]
