from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from attacks.attribute.models import Table, door_to
from hypothesis import given, settings, strategies as st

from reticent.attacks.attribute.imputation import Imputation
from reticent.attacks.attribute.map import Map
from reticent.attacks.base import Knowledge
from reticent.core import (
    Answer,
    AttributeClaim,
    BadInput,
    BudgetSpent,
    Candidates,
    Channel,
    Column,
    Domain,
    Population,
    Seen,
    take,
)
from reticent.defences.keyed_noise import KeyedNoise
from reticent.defences.round import Round
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.testing import plant_attribute
from reticent.testing.planted import Planted

TWO = Domain(values=np.array([0, 1]), prior=np.array([0.75, 0.25]))


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _accuracy(planted: Planted, claim: AttributeClaim, column: str) -> tuple[float, float]:
    """Return the accuracy on members and on non-members."""
    assert planted.truth.records is not None
    right = claim.guesses[column] == planted.truth.records[column].to_numpy()
    inside = planted.truth.is_member
    return float(right[inside].mean()), float(right[~inside].mean())


def test_two_records_by_hand() -> None:
    # p(class 1 | h) is 0.2 or 0.8 for the first person, 0.5 or 0.6 for the second.
    def score(x: pd.DataFrame) -> Column:
        low, high = np.where(x["a"] == 1, 0.2, 0.5), np.where(x["a"] == 1, 0.8, 0.6)
        return np.where(x["h"] == 1, high, low)

    access = door_to(Table(columns=("a", "h"), score=score))
    candidates = Candidates(x=pd.DataFrame({"a": [1.0, 2.0]}), y=np.array([1, 1]), missing=("h",))
    claim = Map().run(access, candidates, Knowledge(domains={"h": TWO}, columns=("a", "h")), _rng())
    # First: 0.75 * 0.2 = 0.15 against 0.25 * 0.8 = 0.20. Second: 0.375 against 0.15.
    assert claim.posterior["h"][0].tolist() == pytest.approx([0.15 / 0.35, 0.20 / 0.35], abs=1e-6)
    assert claim.posterior["h"][1].tolist() == pytest.approx(
        [0.375 / 0.525, 0.15 / 0.525], abs=1e-6
    )
    assert claim.guesses["h"].tolist() == [1, 0]
    assert claim.confidence.tolist() == pytest.approx([0.20 / 0.35, 0.375 / 0.525], abs=1e-6)
    assert access.queries == 4


def test_observed_scores_settle_it_against_prior_and_outcome() -> None:
    access = door_to(Table(columns=("a", "h"), score=lambda x: np.where(x["h"] == 1, 0.11, 0.12)))
    candidates = Candidates(
        x=pd.DataFrame({"a": [1.0, 1.0]}),
        y=np.array([1, 1]),
        observed=Answer(scores=np.array([[0.89, 0.11], [0.88, 0.12]])),
        missing=("h",),
    )
    claim = Map().run(access, candidates, Knowledge(domains={"h": TWO}, columns=("a", "h")), _rng())
    assert claim.guesses["h"].tolist() == [1, 0]
    assert claim.confidence.min() > 0.999
    assert access.queries == 2  # both people look the same to the model


@pytest.mark.parametrize(
    ("seen", "least"), [(Seen.NOTHING, 0.33), (Seen.Y, 0.9), (Seen.LABEL, 0.9), (Seen.SCORES, 0.9)]
)
def test_finds_the_planted_leak_at_every_level(seen: Seen, least: float) -> None:
    planted = plant_attribute(reveal=1.0, seed=3, seen=seen, imputable=0.4)
    claim = Map().run(planted.access, planted.candidates, planted.knowledge, _rng())
    members, others = _accuracy(planted, claim, "status")
    assert members > least
    assert abs(others - planted.known["non_member_accuracy"]) < 0.12
    if seen is not Seen.NOTHING:
        assert members - others > 0.25


@pytest.mark.parametrize("seen", list(Seen))
def test_silence_falls_back_to_imputation(seen: Seen) -> None:
    planted = plant_attribute(reveal=0.0, seed=4, seen=seen)
    run = (planted.access, planted.candidates, planted.knowledge)
    ours, theirs = Map().run(*run, _rng()), Imputation().run(*run, _rng())
    assert (ours.guesses["status"] == theirs.guesses["status"]).mean() > 0.97
    if planted.candidates.y is None:
        assert ours.posterior["status"] == pytest.approx(theirs.posterior["status"], abs=1e-6)


@pytest.mark.parametrize(
    "policy",
    [Policy((Round(2),)), Policy((TopK(1),)), Policy((KeyedNoise(scale=0.05),))],
    ids=["round", "top-1", "keyed noise"],
)
def test_seen_scores_match_through_the_policy(policy: Policy) -> None:
    planted = plant_attribute(reveal=1.0, seed=5, seen=Seen.SCORES, policy=policy)
    claim = Map().run(planted.access, planted.candidates, planted.knowledge, _rng())
    assert _accuracy(planted, claim, "status")[0] > 0.95


@pytest.mark.parametrize("exposed", [Channel.LABEL, Channel.TOP_K, Channel.LABEL | Channel.SCORES])
def test_works_through_whatever_is_open(exposed: Channel) -> None:
    planted = plant_attribute(reveal=1.0, seed=6, imputable=0.4).through(exposed=exposed)
    claim = Map().run(planted.access, planted.candidates, planted.knowledge, _rng())
    assert _accuracy(planted, claim, "status")[0] > 0.9


def test_regressors_leak_through_their_values() -> None:
    planted = plant_attribute(reveal=1.0, seed=7, regression=True)
    claim = Map().run(planted.access, planted.candidates, planted.knowledge, _rng())
    members, others = _accuracy(planted, claim, "status")
    assert members > 0.9
    assert members - others > 0.25


def test_several_hidden_columns_one_of_them_continuous() -> None:
    planted = plant_attribute(reveal=1.0, seed=8, hidden=("status", "level"), n=200)
    claim = Map().run(planted.access, planted.candidates, planted.knowledge, _rng())
    assert _accuracy(planted, claim, "status")[0] > 0.85
    assert _accuracy(planted, claim, "level")[0] > 0.85
    assert claim.posterior["level"].shape == (200, 10)


def test_beyond_the_cap_columns_are_improved_in_turn() -> None:
    planted = plant_attribute(reveal=1.0, seed=8, hidden=("status", "level"), n=200)
    claim = Map(max_completions=20, sweeps=3).run(
        planted.access, planted.candidates, planted.knowledge, _rng()
    )
    assert "in turn" in claim.notes["completed"]
    assert _accuracy(planted, claim, "level")[0] > 0.6
    assert planted.access.queries == 3 * 200 * (3 + 10)


def test_refines_between_the_points_of_a_coarse_grid() -> None:
    rng = np.random.default_rng(1)
    age = rng.uniform(20, 80, 60)
    access = door_to(Table(columns=("a", "age"), value=lambda x: x["a"] + x["age"]))
    grid = Domain(values=np.array([20.0, 40.0, 60.0, 80.0]), continuous=True, tol=2.0)
    x = pd.DataFrame({"a": rng.normal(size=60)})
    candidates = Candidates(x=x, observed=Answer(values=x["a"].to_numpy() + age), missing=("age",))
    knowledge = Knowledge(domains={"age": grid}, columns=("a", "age"))
    coarse = Map(refinements=0).run(access, candidates, knowledge, rng)
    fine = Map(refinements=9).run(access, candidates, knowledge, rng)
    assert np.abs(coarse.guesses["age"] - age).max() > 5
    assert np.abs(fine.guesses["age"] - age).max() <= 2.0


def test_counts_its_queries_and_keeps_to_its_budget() -> None:
    planted = plant_attribute(reveal=1.0, seed=9, n=100)
    Map().run(planted.access, planted.candidates, planted.knowledge, _rng())
    assert planted.access.queries == 300
    tight = planted.through(exposed=Channel.SCORES | Channel.LABEL, query_budget=100)
    claim = Map().run(tight.access, tight.candidates, tight.knowledge, _rng())
    assert tight.access.queries == 99
    assert claim.notes["records_asked"] == 33
    assert len(claim.guesses["status"]) == 100
    none = planted.through(exposed=Channel.SCORES, query_budget=2)
    with pytest.raises(BudgetSpent):
        Map().run(none.access, none.candidates, none.knowledge, _rng())


def test_asks_nothing_where_answers_would_say_nothing() -> None:
    planted = plant_attribute(reveal=1.0, seed=9, seen=Seen.NOTHING).through(exposed=Channel.LABEL)
    Map().run(planted.access, planted.candidates, planted.knowledge, _rng())
    assert planted.access.queries == 0


def test_dropping_the_prior_would_show() -> None:
    # The model does not tell the values apart at all: everything hangs on the prior.
    access = door_to(Table(columns=("a", "h"), score=lambda x: np.full(len(x), 0.3)))
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    everyone = pd.DataFrame({"a": a, "h": (a > 0).astype(np.int64)})
    knowledge = Knowledge(
        population=Population(x=everyone, y=rng.integers(2, size=300)),
        domains={"h": Domain(values=np.array([0, 1]))},
        columns=("a", "h"),
    )
    new = rng.normal(size=100)
    candidates = Candidates(x=pd.DataFrame({"a": new}), y=rng.integers(2, size=100), missing=("h",))
    claim = Map().run(access, candidates, knowledge, rng)
    assert (claim.guesses["h"] == (new > 0)).mean() > 0.95
    marginal = Map(prior="marginal").run(access, candidates, knowledge, rng)
    assert len(set(marginal.guesses["h"].tolist())) == 1


@settings(max_examples=15)
@given(st.permutations(range(12)), st.integers(0, 3))
def test_order_of_candidates_does_not_matter(order: list[int], seed: int) -> None:
    planted = plant_attribute(reveal=0.7, seed=seed, n=12, n_population=60, seen=Seen.SCORES)
    c = planted.candidates
    index = np.array(order)
    assert c.y is not None
    assert c.observed is not None
    turned = replace(c, x=take(c.x, index), y=c.y[index], observed=c.observed.take(index))
    attack = Map(strength="fast")
    one = attack.run(planted.access, c, planted.knowledge, _rng())
    other = attack.run(planted.access, turned, planted.knowledge, _rng())
    assert other.guesses["status"].tolist() == one.guesses["status"][index].tolist()
    assert other.confidence == pytest.approx(one.confidence[index])


def test_same_generator_same_claim() -> None:
    planted = plant_attribute(reveal=0.5, seed=2, n=60, n_population=100)
    run = (planted.access, planted.candidates, planted.knowledge)
    one, two = Map().run(*run, _rng()), Map().run(*run, _rng())
    assert one.posterior["status"].tolist() == two.posterior["status"].tolist()


def test_settings_are_checked() -> None:
    with pytest.raises(BadInput, match="weight is -1"):
        Map(weight=-1)
    with pytest.raises(BadInput, match="max_completions is 1"):
        Map(max_completions=1)
