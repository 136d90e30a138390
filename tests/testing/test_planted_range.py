"""Profiles that somebody fits are told apart as well as stated."""

import numpy as np
import pytest
from scipy.stats import rankdata

from reticent.core import Bools, Floats
from reticent.testing import Planted, plant_range


def auc(scores: Floats, is_member: Bools) -> float:
    n = is_member.sum()
    ranks = rankdata(scores)[is_member].sum()
    return float((ranks - n * (n + 1) / 2) / (n * (~is_member).sum()))


def mean_log_odds(case: Planted, questions: int) -> Floats:
    rng, y = np.random.default_rng(0), np.asarray(case.candidates.y)
    found = np.zeros(len(y))
    for _ in range(questions):
        x = np.asarray(case.candidates.x) + rng.normal(scale=1e-3, size=case.candidates.x.shape)
        p = case.access.scores(x)[np.arange(len(y)), y]
        found += (np.log(p) - np.log1p(-p)) / questions
    return found


@pytest.mark.parametrize(("questions", "figure"), [(1, "single_auc"), (16, "sixteen_auc")])
def test_profiles_separate_once_popularity_is_known(questions: int, figure: str) -> None:
    case = plant_range(shift_nats=1.5, seed=1, n=5000, m=0, dimensions=3)
    nearest = case.access.target.tree.query(case.knowledge.population.x)[1]  # type: ignore[attr-defined, union-attr]  # the planted model's own
    popularity = np.log1p(np.bincount(nearest, minlength=5000))
    found = auc(mean_log_odds(case, questions) - popularity, case.truth.is_member)
    assert found == pytest.approx(case.known[figure], abs=0.03)  # four standard errors


def test_popularity_is_a_trap() -> None:
    case = plant_range(shift_nats=0.0, seed=2, n=2000, m=0)
    nearest = case.access.target.tree.query(case.knowledge.population.x)[1]  # type: ignore[attr-defined, union-attr]  # the planted model's own
    crowded = np.bincount(nearest, minlength=2000) > 0
    assert auc(mean_log_odds(case, 16), crowded) > 0.7
