"""What was measured is never lost, and nothing is taken over unasked."""

from datetime import UTC, datetime

import numpy as np
import pytest

from reticent.audit.grade.base import Reach
from reticent.audit.measured import Job, SoFar, Start, carry_out, measure_all, store_of
from reticent.audit.pieces import Measured, Piece
from reticent.audit.plan import Plan
from reticent.audit.save import load
from reticent.core import (
    BadAnswer,
    BadInput,
    BudgetSpent,
    NotEnoughKnowledge,
    NotExposed,
)
from reticent.core.events import silent


def now():
    return datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def record(small_audit):
    return small_audit[1]


@pytest.fixture(scope="module")
def made(record):
    return Piece(
        measured=Measured(
            cell=record.cells[0], reach=Reach(kind="auc", n=9, n_other=9), cpu_s=0.25
        ),
        arrays={"right": np.array([1.0, 0.0])},
    )


def job(name, work):
    return Job(cell=name, key=f"key-of-{name}", work=work)


def raiser(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotExposed("no scores"), "not exposed"),
        (NotEnoughKnowledge("no records"), "not enough knowledge"),
        (BudgetSpent("spent"), "budget"),
        (BadInput("bad"), "failed"),
        (ZeroDivisionError("oops"), "failed"),
    ],
)
def test_what_cannot_be_measured_is_written_down_and_the_rest_goes_on(error, kind, made):
    so_far = SoFar()
    jobs = [job("a", raiser(error)), job("b", lambda: made)]
    measure_all(jobs, 2, so_far, store=store_of(None, resume=False), listen=silent)
    assert list(so_far.pieces) == ["b"]
    (missed,) = so_far.not_run
    assert (missed.what, missed.kind) == ("a", kind)
    assert str(error.args[0]) in missed.why


@pytest.mark.parametrize("error", [BadAnswer("NaN"), KeyboardInterrupt()])
def test_a_model_that_does_not_work_and_a_person_who_stops_end_it(error, made):
    so_far = SoFar()
    jobs = [job("a", lambda: made), job("b", raiser(error)), job("c", lambda: made)]
    with pytest.raises(type(error)):
        measure_all(jobs, 3, so_far, store=store_of(None, resume=False), listen=silent)
    assert list(so_far.pieces) == ["a"]


def test_finished_pieces_are_taken_over_only_when_asked(tmp_path, made):
    heard = []
    done = []

    def work():
        done.append(1)
        return made

    for resume, times, reused in ((False, 1, 0), (True, 1, 1), (False, 2, 0)):
        so_far = SoFar()
        measure_all(
            [job("a", work)],
            1,
            so_far,
            store=store_of(tmp_path, resume=resume),
            listen=heard.append,
        )
        assert len(done) == times
        assert so_far.reused == reused
        np.testing.assert_array_equal(so_far.pieces["a"].arrays["right"], [1.0, 0.0])
    assert [event.reused for event in heard] == [False, True, False]


def test_what_was_measured_before_it_stopped_is_on_disk_and_marked(tmp_path, record, made):
    ticks = iter([1.0, 4.0, 9.0])

    def measure(so_far):
        measure_all(
            [job("a", lambda: made), job("b", raiser(KeyboardInterrupt()))],
            2,
            so_far,
            store=store_of(tmp_path, resume=False),
            listen=silent,
        )

    def written(so_far, run):
        return record.model_copy(update={"run": run, "not_run": so_far.not_run})

    with pytest.raises(KeyboardInterrupt):
        carry_out(
            Plan(tasks=(), not_run=()),
            measure,
            written,
            out=tmp_path,
            start=Start.at_once(now, lambda: next(ticks)),
            now=now,
        )
    run = load(tmp_path / "record.json").run
    assert not run.complete
    assert run.cpu_s == 3.0  # of the processor that was given, other processes included
    assert run.cpu_s_by_cell == {"a": 0.25}


def test_nothing_is_written_where_nothing_was_measured(tmp_path, record):
    def measure(so_far):
        raise BadAnswer("NaN")

    with pytest.raises(BadAnswer):
        carry_out(
            Plan(tasks=(), not_run=()),
            measure,
            lambda so_far, run: record,
            out=tmp_path,
            start=Start.at_once(now),
            now=now,
        )
    assert not (tmp_path / "record.json").exists()


def test_a_whole_run_is_sealed_and_complete(tmp_path, record):
    done = carry_out(
        Plan(tasks=(), not_run=()),
        lambda so_far: None,
        lambda so_far, run: record.model_copy(update={"run": run, "digest": ""}),
        out=tmp_path,
        start=Start.at_once(now),
        now=now,
    )
    assert done.run.complete
    assert done.digest == record.digest
    assert load(tmp_path / "record.json") == done
