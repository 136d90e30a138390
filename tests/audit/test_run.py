"""The whole audit on real people: leaks are found, silence is not, stops cost nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from audit.models import encoded, experiment, people
from sklearn.dummy import DummyClassifier
from sklearn.tree import DecisionTreeClassifier

from reticent.attacks import attack_types
from reticent.audit.run import default_shelf, run_audit
from reticent.audit.save import load, verify
from reticent.audit.setup import from_objects
from reticent.core import BadAnswer, BadInput, Channel
from reticent.core.events import Progress


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


def cell(record, cell_id):
    (found,) = [c for c in record.cells if c.id == cell_id]
    return found


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    out = tmp_path_factory.mktemp("leaky")
    return run_audit(experiment(memorises=True), out=out, now=now), out


def test_a_forest_that_memorises_is_a_finding(leaky):
    record, _ = leaky
    assert (record.verdict, record.exit_code) == ("finding", 1)
    membership = cell(record, "membership/rmia/scores/y/open/all")
    assert membership.primary.lower > 0.6
    assert membership.p_adjusted < 1e-6
    overheard = cell(record, "attribute/map/scores/scores/open/affair/all")
    assert overheard.gain.lower > 0.1
    attribute = cell(record, "attribute/map/scores/y/open/affair/all")
    assert attribute.gain.lower > 0.05
    assert attribute.training_leak.lower > 0.05
    assert attribute.baseline.estimate < attribute.figures[0].estimate


def test_success_is_drawn_against_the_queries_really_asked(leaky):
    record, _ = leaky
    asked = cell(record, "attribute/map/scores/y/open/affair/all")
    (curve,) = [c for c in asked.curves if c.name == "success_against_queries"]
    assert curve.x == sorted(curve.x)
    assert curve.x[-1] == asked.queries
    assert curve.y[-1] == asked.primary.estimate
    assert curve.y[0] < curve.y[-1]
    assert all(
        low <= y <= high for low, y, high in zip(curve.lower, curve.y, curve.upper, strict=True)
    )
    other = cell(record, "attribute/map/label/y/hard-label/affair/all")
    assert not [c for c in other.curves if c.name == "success_against_queries"]


def test_a_model_that_cannot_memorise_is_not_called_leaky():
    dull = replace(experiment(memorises=False), attacks=("loss", "rmia"))
    record = run_audit(dull, out=None, now=now)
    assert record.verdict in ("nothing found", "inconclusive")
    assert record.exit_code in (0, 2)
    assert all(c.passed for c in record.controls)
    assert not [c.id for c in record.cells if c.verdict == "finding"]


def test_every_control_is_there_and_passes(leaky):
    record, _ = leaky
    names = " | ".join(c.name for c in record.controls)
    for wanted in ("planted membership", "shuffled membership", "twin", "blind", "ignores"):
        assert wanted in names
    assert {c.kind for c in record.controls} == {"positive", "negative"}
    assert all(c.passed for c in record.controls)


def test_people_from_two_populations_make_the_audit_invalid():
    x, y = people()
    x = encoded(x)
    old = (x["age"] > 30).to_numpy()
    model = DecisionTreeClassifier(min_samples_leaf=50).fit(x[old], y[old])
    shifted = from_objects(
        model,
        members=(x[old], y[old]),
        non_members=(x[~old], y[~old]),
        owner="Model risk",
        attacks=("loss",),
    )
    record = run_audit(shifted, out=None, now=now)
    assert (record.verdict, record.exit_code) == ("invalid", 3)
    assert [c.name for c in record.controls if not c.passed] == ["blind classifier"]
    assert "blind classifier" in record.statement


def test_the_policy_stands_between(leaky):
    record, _ = leaky
    levels = {(c.policy, c.access) for c in record.cells}
    assert ("open", "scores") in levels
    assert ("hard-label", "label") in levels
    assert ("hard-label", "scores") not in levels
    shut = cell(record, "attribute/map/label/y/hard-label/affair/all")
    wide = cell(record, "attribute/map/scores/y/open/affair/all")
    assert shut.gain.estimate < wide.gain.estimate


def test_the_same_seed_gives_the_same_record_whatever_the_clock_and_the_processes(leaky):
    record, _ = leaky
    later = lambda: datetime(2027, 1, 1, tzinfo=UTC)  # noqa: E731
    again = run_audit(experiment(memorises=True), out=None, now=later, jobs=2)
    assert again.digest == record.digest
    assert again.run.started_at != record.run.started_at


def test_another_seed_gives_another_record(leaky):
    record, _ = leaky
    other = run_audit(
        replace(experiment(memorises=True), seed=99), out=None, now=now, only=["loss"]
    )
    assert other.digest != record.digest


def test_the_record_on_disk_is_whole(leaky):
    record, out = leaky
    assert load(out / "record.json") == record
    assert verify(out / "record.json") == []


class Stop(Exception):
    """Something that ends a run from outside."""


def test_a_stopped_run_keeps_what_was_measured_and_goes_on(leaky, tmp_path):
    record, _ = leaky
    heard: list[Progress] = []

    def stop_after_five_cells(step: Progress) -> None:
        heard.append(step)
        if step.stage == "cells" and step.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_audit(experiment(memorises=True), out=tmp_path, now=now, listen=stop_after_five_cells)
    part = load(tmp_path / "record.json")
    assert len(part.cells) == 5
    assert not part.run.complete
    assert part.statement.startswith("The run was stopped")
    trained = sum(s.stage in ("references", "shadows") for s in heard)

    steps: list[Progress] = []
    whole = run_audit(
        experiment(memorises=True), out=tmp_path, now=now, resume=True, listen=steps.append
    )
    assert whole.digest == record.digest
    reused = [s for s in steps if s.reused]
    assert sum(s.stage == "cells" for s in reused) == 5
    assert sum(s.stage in ("references", "shadows") for s in reused) == trained
    assert whole.run.reused == len(reused)


def test_without_resume_nothing_is_taken_over(tmp_path):
    small = replace(experiment(memorises=True), attacks=("loss",))
    run_audit(small, out=tmp_path, now=now)
    steps: list[Progress] = []
    run_audit(small, out=tmp_path, now=now, listen=steps.append)
    assert not any(s.reused for s in steps)


def test_a_plug_in_that_breaks_costs_only_itself(tmp_path):
    class Broken:
        name, cost, source = "broken", "none", "none"
        family = attack_types()["loss"].family
        accepts = Channel.SCORES
        wants: frozenset[str] = frozenset()

        def run(self, access, candidates, knowledge, rng):
            raise ZeroDivisionError("oops")

    shelf = {"broken": Broken(), "loss": default_shelf()["loss"]}
    mixed = replace(experiment(memorises=True), attacks=())
    with pytest.raises(TypeError):  # settings of something that is no dataclass cannot be named
        run_audit(mixed, out=tmp_path, now=now, shelf=shelf)


def test_a_model_that_starts_to_answer_nonsense_ends_the_run_and_keeps_the_rest(tmp_path):
    good = experiment(memorises=True)

    class Failing:
        """Answers a while, then returns probabilities that are none."""

        def __init__(self, inner):
            self.inner, self.asked = inner, 0
            self.name, self.classes, self.columns = "failing", inner.classes, inner.columns
            self.channels = inner.channels

        def answer(self, x):
            self.asked += 1
            if self.asked > 8:
                raise BadAnswer("failing answered [nan, nan] to row 0.", way_out="Mend it.")
            return self.inner.answer(x)

        def weights(self):
            return self.inner.weights()

    failing = replace(good, target=Failing(good.target), attacks=("gap", "map"))
    with pytest.raises(BadAnswer, match="nan"):
        run_audit(failing, out=tmp_path, now=now)
    kept = load(tmp_path / "record.json")
    assert kept.cells
    assert not kept.run.complete


def test_an_attack_that_is_not_on_the_shelf_is_named():
    with pytest.raises(BadInput, match="no attack 'lyra'"):
        run_audit(experiment(memorises=True), out=None, now=now, only=["lyra"])


def test_a_query_budget_is_kept_and_said():
    tight = replace(experiment(memorises=True), query_budget=10, attacks=("loss",))
    record = run_audit(tight, out=None, now=now)
    assert record.cells == []
    assert {n.kind for n in record.not_run} >= {"budget"}
    assert record.exit_code in (2, 3)


def test_sensitive_values_leave_only_when_asked(leaky):
    record, _ = leaky
    assert record.records is None
    assert record.people
    asked = run_audit(experiment(memorises=True), out=None, now=now, include_records=True)
    assert {"pseudonym", "affair", "age"} <= set(asked.records[0])
    names = {p.pseudonym for p in asked.people}
    assert {r["pseudonym"] for r in asked.records} == names


def test_open_weights_are_beyond_any_policy(leaky):
    exposed = replace(
        experiment(memorises=True),
        exposed=Channel.WEIGHTS | Channel.LABEL,
        attacks=("tree-paths",),
    )
    record = run_audit(exposed, out=None, now=now)
    ids = [c.id for c in record.cells]
    assert ids
    assert all("/weights/" in i for i in ids)


def test_a_constant_model_gives_nothing_away():
    x, y = people()
    x = encoded(x)
    order = np.random.default_rng(0).permutation(len(x))
    inside, outside = order[:400], order[400:1400]
    model = DummyClassifier().fit(x.iloc[inside], y[inside])
    record = run_audit(
        from_objects(
            model,
            members=(x.iloc[inside], y[inside]),
            non_members=(x.iloc[outside], y[outside]),
            owner="Model risk",
            sensitive=["affair"],
            attacks=("loss", "map"),
            reference_models=2,
        ),
        out=None,
        now=now,
    )
    assert all(c.tier in ("E0", "E?") for c in record.cells)
