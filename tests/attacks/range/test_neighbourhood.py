"""Range membership: the neighbourhood is used, popularity is not mistaken for membership."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import rankdata

from reticent.attacks.base import Knowledge
from reticent.attacks.range.neighbourhood import RangeMembership, around, range_scores
from reticent.core import Bools, BudgetSpent, Channel, Floats, NotEnoughKnowledge, NotExposed
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.testing import Planted, plant_range


def auc(scores: Floats, is_member: Bools) -> float:
    n = is_member.sum()
    ranks = rankdata(scores)[is_member].sum()
    return float((ranks - n * (n + 1) / 2) / (n * (~is_member).sum()))


def run(case: Planted, **settings: float) -> Floats:
    rng = np.random.default_rng(1)
    attack = RangeMembership(**settings)  # type: ignore[arg-type]  # numbers
    return attack.run(case.access, case.candidates, case.knowledge, rng).scores


@pytest.mark.parametrize("table", [False, True])
def test_asking_around_beats_asking_once_and_nears_what_is_possible(table: bool) -> None:
    case = plant_range(shift_nats=1.5, seed=1, n=1000, m=16, table=table)
    once = auc(run(case, questions=1), case.truth.is_member)
    many = auc(run(case, questions=16, keep=1.0), case.truth.is_member)
    error = 2.5 * np.sqrt(1 / 12 / 1000) * 2  # an AUC from 500 against 500, generously
    # Sixteen references leave their own mean to be estimated: a little below the ideal.
    assert abs(once - case.known["single_auc"]) < error
    assert case.known["sixteen_auc"] - error < many < case.known["sixteen_auc"] + error
    assert many > once + 0.1


def test_silence_is_silent_though_popular_profiles_stand_out() -> None:
    case = plant_range(shift_nats=0.0, seed=2, n=1000, m=16)
    limit = 4 * np.sqrt(1 / 12 * (1 / 500 + 1 / 500))  # four standard errors of a null AUC
    scores = run(case)
    assert abs(auc(scores, case.truth.is_member) - 0.5) < limit
    nearest = case.access.target.tree.query(case.knowledge.population.x)[1]  # type: ignore[attr-defined, union-attr]  # the planted model's own
    popular = np.bincount(nearest, minlength=1000) > 0
    assert abs(auc(scores, popular) - 0.5) < limit * 1.2


def test_references_that_hold_somebody_near_are_no_twins() -> None:
    """Told that no reference holds anybody, the attack takes the leak for popularity."""
    case = plant_range(shift_nats=3.0, seed=3, n=600, m=4)
    honest = auc(run(case), case.truth.is_member)
    blind = [
        type(r)(access=r.access, contains=np.zeros_like(r.contains))
        for r in case.knowledge.references
    ]
    rng = np.random.default_rng(1)
    lied = RangeMembership().run(case.access, case.candidates, Knowledge(references=blind), rng)
    assert honest > auc(lied.scores, case.truth.is_member) + 0.02


@pytest.mark.parametrize(
    ("exposed", "policy"),
    [
        (Channel.LABEL, Policy()),
        (Channel.LABEL | Channel.TOP_K, Policy((TopK(k=1),))),
        (Channel.SCORES, Policy()),
    ],
)
def test_works_through_every_channel(exposed: Channel, policy: Policy) -> None:
    case = plant_range(shift_nats=3.0, seed=4, n=300, policy=policy).through(exposed=exposed)
    assert auc(run(case), case.truth.is_member) > 0.8


def test_asks_fewer_questions_on_a_small_budget() -> None:
    case = plant_range(shift_nats=3.0, seed=5, n=100)
    run(case.through(exposed=Channel.SCORES))
    assert case.through(exposed=Channel.SCORES, query_budget=350).access.queries == 0
    small = case.through(exposed=Channel.SCORES, query_budget=350)
    run(small)
    assert small.access.queries == 300
    with pytest.raises(BudgetSpent):
        run(case.through(exposed=Channel.SCORES, query_budget=99))


def test_says_what_it_lacks() -> None:
    case = plant_range(shift_nats=3.0, seed=6, n=50, m=1)
    with pytest.raises(NotEnoughKnowledge, match="at least 2 reference models and was given 1"):
        run(case)
    with pytest.raises(NotExposed):
        run(plant_range(shift_nats=3.0, seed=6, n=50).through(exposed=Channel.WEIGHTS))


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 5))
def test_more_confidence_never_lowers_a_score(seed: int, more: float) -> None:
    rng = np.random.default_rng(seed)
    target, references = rng.normal(size=(4, 6)), rng.normal(size=(5, 4, 6))
    contains = rng.random((5, 6)) < 0.5
    low = range_scores(target, references, contains, keep=0.5)
    high = range_scores(target + more, references, contains, keep=0.5)
    assert (high > low).all()
    assert np.isfinite(low).all()


def test_a_popularity_that_all_share_cancels() -> None:
    rng = np.random.default_rng(0)
    target, references = rng.normal(size=(4, 6)), rng.normal(size=(5, 4, 6))
    contains, popular = rng.random((5, 6)) < 0.5, 10 * rng.normal(size=6)
    np.testing.assert_allclose(
        range_scores(target + popular, references + popular, contains, keep=0.75),
        range_scores(target, references, contains, keep=0.75),
    )


def test_moves_numbers_only_and_no_further_than_stated() -> None:
    rng = np.random.default_rng(0)
    crowd = pd.DataFrame(
        {
            "pay": rng.normal(size=500) * 40,
            "age": rng.integers(18, 90, size=500),
            "children": rng.integers(0, 4, size=500),
            "town": rng.choice(["a", "b"], size=500),
        }
    )
    x = crowd.iloc[:20].reset_index(drop=True)
    moved = around(x, 8, crowd, 0.1, rng)
    pd.testing.assert_frame_equal(moved.iloc[:20], x)  # type: ignore[union-attr]  # a table
    for name in ("pay", "age"):
        away = np.abs(moved[name].to_numpy().reshape(8, 20) - x[name].to_numpy())  # type: ignore[call-overload]  # a table
        assert 0 < away.max() <= np.ceil(0.1 * crowd[name].std())
    for name in ("children", "town"):
        assert (moved[name].to_numpy().reshape(8, 20) == x[name].to_numpy()).all()  # type: ignore[call-overload]  # a table
    assert len(around(x[["town"]], 8, crowd[["town"]], 0.1, rng)) == 20


@pytest.mark.parametrize("bad", [{"questions": 0}, {"keep": 0.0}, {"keep": 1.5}, {"radius": -1.0}])
def test_refuses_settings_that_mean_nothing(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        RangeMembership(**bad)  # type: ignore[arg-type]  # that is the point
