"""The people most exposed, under names that only the owner can work out again."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from audit.cells import measured, singled, task
from audit.models import encoded, experiment, people
from sklearn.ensemble import RandomForestClassifier

from reticent.audit.experiment import pseudonym
from reticent.audit.people import MOST_CELLS, MOST_PEOPLE, most_exposed
from reticent.audit.pieces import Piece
from reticent.audit.run import run_audit
from reticent.audit.setup import from_objects

MARKER = 987_654.25  # a value that stands nowhere else


@pytest.fixture(scope="module")
def subject():
    return experiment(memorises=True, members=60)


def finding(subject, name="loss", rows=range(3), *, tier="E1", confirmed=True, lower=0.6):
    of = task(name)
    piece = Piece(
        measured=measured(of, lower, 0.9, individuals=singled(rows, confirmed=confirmed)),
        arrays={"scores": np.linspace(0, 1, len(subject.is_member))},
    )
    cell = piece.measured.cell.model_copy(update={"tier": tier, "verdict": "finding"})
    return {of.id: piece}, [cell]


def test_the_same_secret_gives_the_same_name_and_another_another(subject):
    x = subject.pool.x
    names = pseudonym(b"one", x)
    assert names == pseudonym(b"one", x)
    assert not set(names) & set(pseudonym(b"two", x))
    assert len(set(names)) == len(x)
    assert all(name.startswith("p-") and len(name) == 14 for name in names)


def test_a_name_depends_on_the_person_and_not_on_the_company(subject):
    x = subject.pool.x
    assert pseudonym(b"one", x.iloc[[7]]) == [pseudonym(b"one", x)[7]]


def test_people_come_surest_first_and_no_more_than_told(subject):
    pieces, cells = finding(subject, rows=range(30))
    found, records = most_exposed(subject, pieces, cells, include=False)
    assert len(found) == MOST_PEOPLE
    assert records is None
    scores = [p.selected_score for p in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(29 / (len(subject.is_member) - 1))
    names = pseudonym(subject.secret, subject.pool.x)
    assert [p.pseudonym for p in found] == names[29:19:-1]


def test_the_worst_cells_come_first_and_only_findings_at_all(subject):
    pieces, cells = {}, []
    for i, tier in enumerate(["E1", "E3", "E2", "E1", "E1", "E1", "E1", "E1"]):
        more, found = finding(subject, f"a{i}", tier=tier)
        pieces |= more
        cells += found
    cells[0] = cells[0].model_copy(update={"verdict": "inconclusive"})
    named = [p.cell.split("/")[1] for p in most_exposed(subject, pieces, cells, include=False)[0]]
    order = list(dict.fromkeys(named))
    assert order[:2] == ["a1", "a2"]
    assert "a0" not in order
    assert len(order) == MOST_CELLS


def test_records_are_given_only_when_asked_for(subject):
    pieces, cells = finding(subject)
    found, records = most_exposed(subject, pieces, cells, include=True)
    assert {r["pseudonym"] for r in records} == {p.pseudonym for p in found}
    assert "affair" in records[0]
    assert most_exposed(subject, {}, [], include=True) == ([], [])


def test_no_sensitive_value_is_in_a_record_unless_asked_for(tmp_path):
    x, y = people()
    x = encoded(x)
    order = np.random.default_rng(0).permutation(len(x))[:900]
    x, y = x.iloc[order].reset_index(drop=True), y[order]
    x["income"] = MARKER + np.arange(len(x))  # each person's own, on both sides
    model = RandomForestClassifier(20, random_state=0).fit(x[:300], y[:300])
    subject = from_objects(
        model,
        members=(x[:300], y[:300]),
        non_members=(x[300:], y[300:]),
        owner="Model risk",
        sensitive=["affair", "income"],
        reference_models=3,
        shadow_models=2,
        attacks=("loss", "map"),
    )
    theirs = {f"{MARKER + i:.2f}" for i in range(len(x))}
    for asked in (False, True):
        record = run_audit(
            subject,
            out=tmp_path,
            now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
            include_records=asked,
            resume=asked,
        )
        assert record.people
        assert bool(record.records) is asked
        kept = json.loads((tmp_path / "record.json").read_text("utf-8"))
        assert bool(theirs & {f"{number:.2f}" for number in _numbers(kept)}) is asked


def _numbers(body):
    if isinstance(body, dict):
        for value in body.values():
            yield from _numbers(value)
    elif isinstance(body, list):
        for value in body:
            yield from _numbers(value)
    elif isinstance(body, float):
        yield body


def test_a_score_without_bounds_is_no_number_in_a_record(subject):
    pieces, cells = finding(subject)
    (name,) = pieces
    scores = np.full(len(subject.is_member), np.inf)
    endless = {name: replace(pieces[name], arrays={"scores": scores})}
    found, _ = most_exposed(subject, endless, cells, include=False)
    assert {p.selected_score for p in found} == {None}
