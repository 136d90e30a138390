"""The planted leaks have the size that they state."""

import numpy as np
import pytest
from scipy.stats import rankdata

from reticent.core import Bools, Channel, Floats, NotExposed
from reticent.testing import Planted, plant_membership

TOL = 0.01  # four standard errors of an AUC from 20,000 candidates


def auc(scores: Floats, is_member: Bools) -> float:
    n = is_member.sum()
    ranks = rankdata(scores)[is_member].sum()
    return float((ranks - n * (n + 1) / 2) / (n * (~is_member).sum()))


def log_odds(case: Planted) -> Floats:
    y = np.asarray(case.candidates.y)
    p = case.access.scores(case.candidates.x)[np.arange(len(y)), y]
    return np.log(p) - np.log1p(-p)


@pytest.mark.parametrize("shift_nats", [0.0, 0.5, 2.0])
def test_log_odds_separate_members_by_the_stated_area(shift_nats: float) -> None:
    case = plant_membership(shift_nats=shift_nats, seed=1, n=20_000, m=0)
    found = auc(log_odds(case), case.truth.is_member)
    assert found == pytest.approx(case.known["loss_auc"], abs=TOL)


def test_knowing_the_difficulty_gives_the_best_area() -> None:
    case = plant_membership(shift_nats=1.0, seed=2, n=20_000, m=0)
    difficulty = np.asarray(case.candidates.x) @ case.access.target.direction  # type: ignore[attr-defined]  # the planted model's own
    found = auc(log_odds(case) - difficulty, case.truth.is_member)
    assert found == pytest.approx(case.known["best_auc"], abs=TOL)


@pytest.mark.parametrize("classes", [2, 5])
def test_labels_alone_give_the_gap(classes: int) -> None:
    case = plant_membership(shift_nats=2.0, seed=3, n=20_000, m=0, classes=classes)
    right = (case.access.labels(case.candidates.x) == case.candidates.y).astype(float)
    assert auc(right, case.truth.is_member) == pytest.approx(case.known["gap_auc"], abs=TOL)


def test_references_give_the_reference_area() -> None:
    case = plant_membership(shift_nats=2.0, seed=4, n=20_000, m=4)
    y = np.asarray(case.candidates.y)
    rest = np.zeros(len(y))
    for reference in case.knowledge.references:
        p = reference.access.scores(case.candidates.x)[np.arange(len(y)), y]
        rest += np.log(p) - np.log1p(-p) - 2.0 * reference.contains
    found = auc(log_odds(case) - rest / 5, case.truth.is_member)
    assert found == pytest.approx(case.known["reference_auc"], abs=TOL)


def test_a_regressor_misses_members_by_less() -> None:
    case = plant_membership(shift_nats=1.0, seed=5, n=20_000, m=0, regression=True, table=True)
    missed = np.abs(case.access.values(case.candidates.x) - case.candidates.y)
    assert auc(-missed, case.truth.is_member) == pytest.approx(case.known["loss_auc"], abs=TOL)


def test_reference_models_draw_their_own_members() -> None:
    case = plant_membership(shift_nats=1.0, seed=6, n=4000, m=3)
    masks = [case.truth.is_member, *(r.contains for r in case.knowledge.references)]
    agreement = np.corrcoef(np.array(masks, dtype=float))
    assert np.abs(agreement[np.triu_indices(4, 1)]).max() < 0.07  # 4 / sqrt(4000)


def test_the_same_audit_through_fewer_channels() -> None:
    case = plant_membership(shift_nats=1.0, seed=7, n=50, m=1)
    shut = case.through(exposed=Channel.LABEL, query_budget=60)
    assert len(shut.access.labels(shut.candidates.x)) == 50
    assert shut.access.queries_left == 10
    with pytest.raises(NotExposed):
        shut.access.scores(shut.candidates.x)
    with pytest.raises(NotExposed):
        shut.knowledge.references[0].access.scores(shut.candidates.x)
