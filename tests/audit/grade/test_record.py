"""Rebuilt records: near and exact, members against others, and beside a rebuilder with no model."""

import numpy as np
import pandas as pd
import pytest

from reticent.audit.grade import grade_record
from reticent.core import AttributeClaim, Domain, RecordClaim

DOMAINS = {
    "age": Domain(values=np.arange(20.0, 80.0), continuous=True, tol=2.0),
    "sex": Domain(values=np.array(["f", "m"]), prior=np.array([0.6, 0.4])),
}


def people(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(20, 80, n).astype(float),
            "sex": rng.choice(["f", "m"], n),
            "known": np.arange(n),
        }
    )


def grade(truth, rebuilt, inside, imputed=None):
    if imputed is None:
        imputed = {"age": np.full(len(truth), 200.0), "sex": np.full(len(truth), "f")}
    none = np.zeros(len(truth))
    return grade_record(
        RecordClaim(records=rebuilt, confidence=none),
        truth,
        np.asarray(inside, dtype=bool),
        AttributeClaim(guesses=imputed, confidence=none),
        DOMAINS,
        confidence=0.95,
    )


def rate(graded, metric, *, members=True):
    (found,) = [f for f in graded.figures if f.metric == metric and (f.n_members > 0) == members]
    return found.estimate


def test_rates_are_those_worked_out_by_hand():
    truth = pd.DataFrame({"age": [30.0, 40.0, 50.0, 60.0], "sex": ["f", "f", "m", "m"]})
    rebuilt = truth.assign(age=[30.0, 41.5, 50.0, 60.0], sex=["f", "f", "f", "m"])
    graded = grade(truth, rebuilt, [1, 1, 1, 0])
    assert graded.arrays["right"].tolist() == [True, True, False, True]
    assert graded.arrays["exact"].tolist() == [True, False, False, True]
    assert rate(graded, "near_match_rate") == pytest.approx(2 / 3)
    assert rate(graded, "exact_match_rate") == pytest.approx(1 / 3)
    assert rate(graded, "near_match_rate", members=False) == 1
    assert graded.training_leak.estimate == pytest.approx(2 / 3 - 1)
    assert graded.gain.estimate == pytest.approx(2 / 3)


def test_columns_that_were_known_do_not_count():
    truth = people(40)
    graded = grade(truth, truth.assign(known=-1), np.ones(40))
    assert rate(graded, "exact_match_rate") == 1


def test_members_rebuilt_and_others_not_is_content():
    truth = people(200)
    inside = np.arange(200) < 100
    rebuilt = truth.assign(age=np.where(inside, truth["age"], truth["age"] + 30))
    graded = grade(truth, rebuilt, inside)
    assert graded.content.metric == "exact_match_members_minus_non_members"
    assert graded.content.estimate == 1
    assert graded.content.lower > 0.9
    assert graded.gain.lower > 0.8


def test_near_is_no_content():
    truth = people(200)
    inside = np.arange(200) < 100
    near = truth.assign(age=np.where(inside, truth["age"] + 1.5, 500.0))
    graded = grade(truth, near, inside)
    assert graded.training_leak.lower > 0.9
    assert graded.content is None


def test_what_a_learner_without_the_model_rebuilds_as_well_is_no_content():
    truth = people(200)
    inside = np.arange(200) < 100
    rebuilt = truth.assign(age=np.where(inside, truth["age"], truth["age"] + 30))
    imputed = {column: rebuilt[column].to_numpy() for column in ("age", "sex")}
    graded = grade(truth, rebuilt, inside, imputed)
    assert graded.content is None
    assert graded.gain.estimate == 0
    assert graded.baseline.metric == "near_match_rate_of_imputation"


def test_what_the_population_gives_away_as_readily_is_no_leak():
    truth = people(200)
    graded = grade(truth, truth, np.arange(200) < 100)
    assert graded.training_leak.estimate == 0
    assert graded.content is None or graded.content.lower <= 0
    assert graded.population_inference.lower > 0.8


def test_shuffled_people_kill_every_figure():
    truth = people(400)
    inside = np.arange(400) < 200
    rebuilt = truth.sample(frac=1, random_state=1).reset_index(drop=True)
    graded = grade(truth, rebuilt, inside)
    assert graded.gain.estimate < 0.1
    assert graded.training_leak.lower < 0
    assert graded.content is None or graded.content.lower <= 0


def test_no_members_give_no_data():
    truth = people(10)
    graded = grade(truth, truth, np.zeros(10))
    assert graded.primary.estimate is None
    assert graded.p_value is None
    assert graded.content is None
