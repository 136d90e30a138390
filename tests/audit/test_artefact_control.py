"""A model that keeps its rows is read, and audits of one family alone have controls too."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from audit.models import encoded, experiment, people
from sklearn.ensemble import BaggingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from reticent.audit.run import run_audit
from reticent.audit.setup import from_objects
from reticent.core import Channel


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


def neighbours(exposed: Channel):
    x, y = people()
    x = encoded(x)
    order = np.random.default_rng(1).permutation(len(x))
    inside, outside = order[:200], order[200:500]
    model = KNeighborsClassifier(3).fit(x.iloc[inside], y[inside])
    return from_objects(
        model,
        members=(x.iloc[inside], y[inside]),
        non_members=(x.iloc[outside], y[outside]),
        owner="Model risk",
        attacks=("artefact-scan",),
        exposed=exposed,
    )


def test_the_rows_of_a_nearest_neighbour_model_are_read_out_of_its_weights():
    record = run_audit(neighbours(Channel.LABEL | Channel.WEIGHTS), out=None, now=now)
    (cell,) = record.cells
    assert cell.tier == "E3"
    assert cell.primary.counts["hits_a"] == cell.primary.counts["n_a"]
    assert cell.primary.counts["hits_b"] == 0
    assert {c.kind for c in record.controls} == {"positive", "negative"}
    assert all(c.passed for c in record.controls)
    assert record.exit_code == 1


def test_rows_kept_by_a_model_inside_a_pipeline_inside_another_are_found():
    x, y = people()
    x = encoded(x)
    order = np.random.default_rng(1).permutation(len(x))
    inside, outside = order[:150], order[150:350]
    inner = make_pipeline(StandardScaler(), SVC(C=10.0))
    model = BaggingClassifier(inner, n_estimators=3, max_features=4, random_state=0)
    model.fit(x.iloc[inside], y[inside])
    record = run_audit(
        from_objects(
            model,
            members=(x.iloc[inside], y[inside]),
            non_members=(x.iloc[outside], y[outside]),
            owner="Model risk",
            attacks=("artefact-scan",),
            exposed=Channel.WEIGHTS,
        ),
        out=None,
        now=now,
    )
    (cell,) = record.cells
    assert cell.tier == "E3"
    assert cell.primary.lower > 0.1


def test_without_the_weights_there_is_nothing_to_scan():
    record = run_audit(neighbours(Channel.LABEL), out=None, now=now)
    assert record.cells == []
    assert (record.verdict, record.exit_code) == ("inconclusive", 2)
    assert "not exposed" in {n.kind for n in record.not_run}


@pytest.mark.parametrize("attack", ["tree-paths", "record-refinement", "range-membership"])
def test_every_family_on_its_own_has_controls(attack):
    alone = replace(
        experiment(memorises=True, members=200),
        exposed=Channel.WEIGHTS | Channel.LABEL | Channel.SCORES | Channel.TOP_K,
        attacks=(attack,),
    )
    record = run_audit(alone, out=None, now=now)
    assert record.cells
    assert record.controls
    assert all(c.passed for c in record.controls), [c.name for c in record.controls]


def test_a_copy_of_the_model_alone_says_nothing_of_people():
    alone = replace(experiment(memorises=True, members=200), attacks=("surrogate",))
    record = run_audit(alone, out=None, now=now)
    assert record.cells
    assert (record.tier, record.exit_code) == ("E?", 2)
