"""An attack that fails, or lacks something, costs itself and nothing else."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from audit.models import experiment

from reticent.audit.run import default_shelf, run_audit
from reticent.core import Channel, Family, Seen

SHELF = default_shelf()


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Broken:
    """A plug-in that falls over."""

    name: ClassVar[str] = "broken"
    cost: ClassVar[str] = ""
    source: ClassVar[str] = ""
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = Channel.SCORES
    wants: ClassVar[frozenset[str]] = frozenset()

    def run(self, access, candidates, knowledge, rng):
        raise ZeroDivisionError("oops")


@pytest.fixture(scope="module")
def subject():
    return experiment(memorises=True, members=200, reference_models=2, attacks=())


def test_a_broken_plug_in_is_written_down_and_the_rest_is_measured(subject):
    shelf = {"broken": Broken(), "gap": SHELF["gap"]}
    record = run_audit(subject, out=None, now=now, shelf=shelf)
    (failed,) = [n for n in record.not_run if n.kind == "failed"]
    assert failed.what == "membership/broken/scores/y/open/all"
    assert failed.why == "ZeroDivisionError: oops"
    assert {c.attack for c in record.cells} == {"gap"}
    assert record.verdict != "nothing found"
    assert all("broken" not in c.name for c in record.controls)


def test_a_broken_plug_in_alone_finds_nothing_out(subject):
    record = run_audit(subject, out=None, now=now, shelf={"broken": Broken()})
    assert record.cells == []
    assert record.exit_code in (2, 3)


def test_a_twin_that_would_cost_the_last_reference_is_left_out_and_said(subject):
    record = run_audit(replace(subject, attacks=("eb-lira",)), out=None, now=now)
    assert {c.attack for c in record.cells} == {"eb-lira"}
    assert not any("twin" in c.name for c in record.controls)
    assert any("twin" in n.what for n in record.not_run)
    assert all(c.passed for c in record.controls)


def test_another_tolerance_of_a_guess_takes_no_finished_cell_over(subject, tmp_path):
    mapped = replace(subject, attacks=("map",), seen=(Seen.Y,), shadow_models=0)
    first = run_audit(mapped, out=tmp_path, now=now)
    same = run_audit(mapped, out=tmp_path, now=now, resume=True)
    assert (same.digest, same.run.reused) == (first.digest, len(first.cells))
    wider = {**mapped.domains, "age": replace(mapped.domains["age"], tol=9.0)}
    other = run_audit(replace(mapped, domains=wider), out=tmp_path, now=now, resume=True)
    assert other.run.reused == 0
