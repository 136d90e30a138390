"""The record holds what was planned and measured, decided together, and nothing else."""

from dataclasses import dataclass, replace

import pytest
from audit.cells import control, measured, task

from reticent.audit.assembly import Known, record_of
from reticent.audit.measured import SoFar
from reticent.audit.pieces import Piece
from reticent.audit.plan import Plan
from reticent.audit.record import DataEntry, ModelEntry, NotRun, RunEntry
from reticent.audit.store import key_of

LOUD, SHY = task("loss"), task("gap")


@dataclass(frozen=True)
class Subject:
    digest: str = "d" * 64
    config_digest: str = "c" * 64
    config_path: str | None = "reticent.toml"
    seed: int = 7
    confidence: float = 0.95
    tolerance: float = 0.05
    ppv_declared: float = 0.9


KNOWN = Known(
    model=ModelEntry(name="m", owner="Test", kind="k", task="classification", digest="0" * 64),
    data=DataEntry(
        digest="1" * 64,
        n_members=9,
        n_non_members=9,
        n_auxiliary=0,
        columns=["a"],
        sensitive={},
        target="y",
        warnings=["first"],
    ),
    policies=[],
)


def run(*, complete=True):
    return RunEntry(
        started_at="then",
        finished_at="now",
        complete=complete,
        reticent_version="0",
        python_version="3",
        cpu_s=1.0,
        wall_s=1.0,
        cpu_s_by_cell={},
        reused=0,
    )


@pytest.fixture
def so_far():
    return SoFar(
        pieces={
            SHY.id: Piece(measured=measured(SHY, 0.4, 0.6, p_value=0.5)),
            LOUD.id: Piece(measured=measured(LOUD, 0.8, 0.9, p_value=1e-9)),
        },
        controls=[control(passed=True)],
    )


def assembled(so_far, *, tasks=(LOUD, SHY), subject=None, complete=True, **how):
    plan = Plan(tasks=tasks, not_run=())
    return record_of(subject or Subject(), plan, so_far, KNOWN, run=run(complete=complete), **how)


def test_cells_stand_in_the_order_of_the_plan_and_are_decided_together(so_far):
    record = assembled(so_far)
    assert [cell.id for cell in record.cells] == [LOUD.id, SHY.id]
    assert record.cells[0].verdict == "finding"
    assert record.cells[0].p_adjusted == pytest.approx(2e-9)  # Holm, over both
    assert (record.verdict, record.exit_code) == ("finding", 1)
    assert record.statement


def test_what_was_not_planned_is_no_part_of_it(so_far):
    record = assembled(so_far, tasks=(SHY, task("map")))
    assert [cell.id for cell in record.cells] == [SHY.id]


def test_what_was_not_run_is_sorted_by_kind_and_name(so_far):
    so_far.not_run += [
        NotRun(what="b", why="w", kind="not chosen"),
        NotRun(what="z", why="w", kind="budget"),
        NotRun(what="a", why="w", kind="not chosen"),
    ]
    assert [n.what for n in assembled(so_far).not_run] == ["z", "a", "b"]


def test_a_failure_and_an_end_before_time_leave_nothing_found_open(so_far):
    del so_far.pieces[LOUD.id]
    failed = replace(so_far, not_run=[NotRun(what="a", why="w", kind="failed")])
    for record in (
        assembled(failed, tasks=(SHY,)),
        assembled(so_far, tasks=(SHY,), complete=False),
    ):
        assert (record.verdict, record.exit_code) == ("inconclusive", 2)


def test_a_control_that_fails_makes_it_invalid(so_far):
    so_far.controls.append(control(passed=False))
    assert (assembled(so_far).verdict, assembled(so_far).exit_code) == ("invalid", 3)


def test_without_a_configuration_the_experiment_names_it(so_far):
    assert assembled(so_far).config_digest == "c" * 64
    bare = assembled(so_far, subject=Subject(config_digest=""))
    assert bare.config_digest == key_of(experiment="d" * 64)


def test_a_modality_rereads_its_cells_before_the_whole_is_judged(so_far):
    def reread(cells):
        return [c.model_copy(update={"verdict": "nothing found", "tier": "E0"}) for c in cells]

    def beside(pieces, cells):
        assert list(pieces) == [LOUD.id, SHY.id]
        assert {c.tier for c in cells} == {"E0"}
        return {"chains": [{"of": len(cells)}]}

    record = assembled(so_far, reread=reread, beside=beside)
    assert record.verdict == "nothing found"
    assert record.chains == [{"of": 2}]


def test_further_warnings_stand_behind_the_first():
    more = KNOWN.warned(["second"])
    assert more.data.warnings == ["first", "second"]
    assert KNOWN.data.warnings == ["first"]
