import numpy as np
import pandas as pd
import pytest
from attacks.attribute.models import Table, door_to

from reticent.attacks.attribute.imputation import Imputation
from reticent.attacks.base import Knowledge
from reticent.core import NO_CHANNEL, Candidates, Channel, Domain, Population, Seen
from reticent.testing import plant_attribute


def test_reaches_the_best_that_is_possible_without_the_model_and_no_more() -> None:
    planted = plant_attribute(reveal=1.0, seed=1, n=600, imputable=0.8)
    claim = Imputation().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert planted.truth.records is not None
    right = claim.guesses["status"] == planted.truth.records["status"].to_numpy()
    assert right.mean() == pytest.approx(planted.known["imputation_accuracy"], abs=0.05)
    inside = planted.truth.is_member
    assert abs(right[inside].mean() - right[~inside].mean()) < 0.08
    assert planted.access.queries == 0
    assert claim.confidence.mean() == pytest.approx(right.mean(), abs=0.06)


def test_needs_no_channel() -> None:
    planted = plant_attribute(reveal=1.0, seed=1).through(exposed=Channel(0))
    Imputation().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert Imputation.accepts == NO_CHANNEL


def test_predicts_each_of_several_columns() -> None:
    planted = plant_attribute(reveal=0.0, seed=2, hidden=("status", "level"), imputable=0.9)
    claim = Imputation().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert planted.truth.records is not None
    right = claim.guesses["status"] == planted.truth.records["status"].to_numpy()
    assert right.mean() > 0.84
    assert claim.posterior["level"].shape[1] == 10


def test_uses_the_outcome_only_where_it_was_seen() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.integers(2, size=400)
    x = pd.DataFrame({"a": rng.normal(size=400), "h": hidden})
    knowledge = Knowledge(
        population=Population(x=x.iloc[:300], y=hidden[:300]),  # the outcome is the secret
        domains={"h": Domain(values=np.array([0, 1]))},
        columns=("a", "h"),
    )
    access = door_to(Table(columns=("a", "h"), score=lambda x: x["a"] * 0 + 0.5))
    blind = Candidates(x=x.iloc[300:][["a"]], missing=("h",))
    told = Candidates(x=blind.x, y=hidden[300:], missing=("h",))
    right = [
        (Imputation().run(access, c, knowledge, rng).guesses["h"] == hidden[300:]).mean()
        for c in (blind, told)
    ]
    assert right[0] < 0.65
    assert right[1] > 0.99


def test_the_observed_answer_is_not_used() -> None:
    with_answer = plant_attribute(reveal=1.0, seed=5, seen=Seen.SCORES)
    without = plant_attribute(reveal=1.0, seed=5, seen=Seen.Y)
    one, two = (
        Imputation().run(p.access, p.candidates, p.knowledge, np.random.default_rng(0))
        for p in (with_answer, without)
    )
    assert one.posterior["status"].tolist() == two.posterior["status"].tolist()
