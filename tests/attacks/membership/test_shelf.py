"""Every membership attack: a planted leak, silence, honest queries, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

from reticent.attacks.base import Knowledge
from reticent.attacks.membership.best import Best, choose, depth_of, rarity
from reticent.attacks.membership.boundary import Boundary, depth_of as odds_of
from reticent.attacks.membership.eb_lira import EbLira
from reticent.attacks.membership.gap import Gap
from reticent.attacks.membership.lira import LiraFixedVariance, LiraOffline, LiraOnline
from reticent.attacks.membership.loss import Loss
from reticent.attacks.membership.quantile import Quantile
from reticent.attacks.membership.rmia import Rmia
from reticent.core import BudgetSpent, Candidates, Channel, NotEnoughKnowledge, NotExposed
from reticent.defences.abstain import Abstain
from reticent.defences.bucket import Bucket
from reticent.defences.keyed_noise import KeyedNoise
from reticent.defences.round import Round
from reticent.defences.threshold import Threshold
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.testing.planted import Planted, plant_membership

SCORED = (
    Loss(),
    LiraOnline(),
    LiraOffline(),
    LiraFixedVariance(),
    Rmia(),
    EbLira(),
    Quantile(),
    Best(),
)
BY_LABEL = (Gap(), Boundary(queries=6))
EVERY = (*SCORED, *BY_LABEL)


def name_of(attack) -> str:
    return attack.name


def run(attack, case: Planted, seed: int = 0) -> np.ndarray:
    claim = attack.run(case.access, case.candidates, case.knowledge, np.random.default_rng(seed))
    assert claim.scores.shape == (len(case.candidates),)
    assert np.isfinite(claim.scores).all()
    return claim.scores


def auc(case: Planted, scores: np.ndarray) -> float:
    member = case.truth.is_member
    ranks, k = rankdata(scores), member.sum()
    return float((ranks[member].sum() - k * (k + 1) / 2) / (k * (~member).sum()))


@pytest.mark.parametrize("attack", SCORED, ids=name_of)
def test_finds_the_planted_leak(attack) -> None:
    case = plant_membership(shift_nats=2.0, seed=1, n=800)
    found = auc(case, run(attack, case))
    floor = case.known["loss_auc"] if "loss" in attack.name else 0.86
    assert floor - 0.03 < found < case.known["best_auc"] + 0.02


@pytest.mark.parametrize("attack", BY_LABEL, ids=name_of)
def test_labels_alone_find_it_too(attack) -> None:
    case = plant_membership(shift_nats=2.0, seed=1, n=800).through(exposed=Channel.LABEL)
    found = auc(case, run(attack, case))
    assert case.known["gap_auc"] - 0.03 < found < case.known["best_auc"]


def test_references_help_where_labels_are_all_there_is() -> None:
    case = plant_membership(shift_nats=2.0, seed=2, n=1500).through(exposed=Channel.LABEL)
    alone = auc(case, run(Gap(), case))
    for attack in (LiraOnline(), Rmia(), EbLira()):
        assert auc(case, run(attack, case)) > alone + 0.01, attack.name


@pytest.mark.parametrize("attack", EVERY, ids=name_of)
def test_stays_silent_where_nothing_leaks(attack) -> None:
    case = plant_membership(shift_nats=0.0, seed=3, n=1500)
    n = case.truth.is_member.sum()
    assert abs(auc(case, run(attack, case)) - 0.5) < 4 * np.sqrt(1 / (6 * n))


@pytest.mark.parametrize("attack", EVERY, ids=name_of)
def test_same_generator_same_claim_and_honest_queries(attack) -> None:
    case = plant_membership(shift_nats=1.0, seed=4, n=150, m=5, n_population=60)
    first = run(attack, case)
    asked = case.access.queries
    again = replace(case, access=replace(case.access, identity="again"))
    np.testing.assert_array_equal(run(attack, again), first)
    each = 6 if attack.name == "boundary" else 1
    z = 60 if attack.name in ("rmia", "quantile", "best") else 0
    assert asked == 150 * each + z


@pytest.mark.parametrize(
    "policy",
    [
        Policy((Round(1),)),
        Policy((TopK(1),)),
        Policy((Threshold(0.4),)),
        Policy((Bucket(count=10),)),
        Policy((KeyedNoise(0.05),)),
        Policy((Abstain(0.5),)),
        Policy((TopK(2), Round(2))),
    ],
    ids=lambda p: "+".join(d.kind for d in p.defences),
)
@pytest.mark.parametrize("attack", SCORED, ids=name_of)
def test_works_through_policies(attack, policy) -> None:
    case = plant_membership(
        shift_nats=2.0, seed=5, n=500, classes=4, policy=policy, n_population=200
    )
    assert auc(case, run(attack, case)) > 0.7


@pytest.mark.parametrize("attack", SCORED, ids=name_of)
def test_works_on_a_regressor(attack) -> None:
    case = plant_membership(shift_nats=2.0, seed=6, n=800, regression=True)
    assert auc(case, run(attack, case)) > 0.83


@pytest.mark.parametrize("attack", [LiraOffline(), Rmia(), EbLira(), Best()], ids=name_of)
def test_works_with_offline_references(attack) -> None:
    case = plant_membership(shift_nats=2.0, seed=7, n=800, online=False)
    assert auc(case, run(attack, case)) > 0.86


@pytest.mark.parametrize("attack", [LiraOnline(), LiraFixedVariance()], ids=name_of)
def test_online_attacks_say_that_no_reference_holds_a_candidate(attack) -> None:
    case = plant_membership(shift_nats=2.0, seed=7, n=50, online=False)
    with pytest.raises(NotEnoughKnowledge, match="none of the 16 reference models"):
        run(attack, case)


@pytest.mark.parametrize(
    "attack",
    [a for a in SCORED if "references" in a.wants],
    ids=name_of,
)
def test_says_how_many_references_are_missing(attack) -> None:
    case = plant_membership(shift_nats=0.0, seed=8, n=50, m=1)
    bare = replace(case, knowledge=Knowledge(population=case.knowledge.population))
    with pytest.raises(NotEnoughKnowledge, match="reference models and was given 0"):
        run(attack, bare)


@pytest.mark.parametrize("attack", [Rmia(), Quantile()], ids=name_of)
def test_says_that_the_population_is_missing(attack) -> None:
    case = plant_membership(shift_nats=0.0, seed=8, n=50, m=2)
    poor = replace(case, knowledge=replace(case.knowledge, population=None))
    with pytest.raises(NotEnoughKnowledge, match="population"):
        run(attack, poor)


@pytest.mark.parametrize("attack", EVERY, ids=name_of)
def test_needs_outcomes(attack) -> None:
    case = plant_membership(shift_nats=0.0, seed=8, n=50)
    blind = replace(case, candidates=Candidates(x=case.candidates.x))
    with pytest.raises(NotEnoughKnowledge, match="y is not known"):
        run(attack, blind)


@pytest.mark.parametrize("attack", EVERY, ids=name_of)
def test_a_shut_door_stays_shut(attack) -> None:
    case = plant_membership(shift_nats=2.0, seed=9, n=50)
    with pytest.raises(NotExposed):
        run(attack, case.through(exposed=Channel.WEIGHTS))


def test_a_short_query_budget_shrinks_z_and_then_refuses() -> None:
    case = plant_membership(shift_nats=2.0, seed=10, n=100, n_population=100)
    tight = case.through(exposed=Channel.SCORES, query_budget=130)
    run(Rmia(), tight)
    assert tight.access.queries == 130
    with pytest.raises(BudgetSpent):
        run(Loss(), case.through(exposed=Channel.SCORES, query_budget=99))


def test_boundary_asks_less_when_the_budget_is_short() -> None:
    case = plant_membership(shift_nats=2.0, seed=11, n=100)
    tight = case.through(exposed=Channel.LABEL, query_budget=350)
    run(Boundary(), tight)
    assert tight.access.queries == 300
    with pytest.raises(BudgetSpent, match="at least 2 questions"):
        run(Boundary(), case.through(exposed=Channel.LABEL, query_budget=150))


def test_boundary_keeps_a_table_a_table() -> None:
    case = plant_membership(shift_nats=2.0, seed=12, n=400, table=True)
    assert auc(case, run(Boundary(queries=6), case)) > 0.65


def test_best_says_what_it_chose_and_never_looks_at_the_target() -> None:
    case = plant_membership(shift_nats=2.0, seed=13, n=400)
    rng = np.random.default_rng(0)
    claim = Best().run(case.access, case.candidates, case.knowledge, rng)
    judged = claim.notes["tpr_on_pseudo_targets"]
    assert claim.notes["score"] == max(sorted(judged), key=judged.__getitem__)
    other = plant_membership(shift_nats=0.0, seed=99, n=400)  # another target, same references
    swapped = replace(case, access=other.access)
    again = Best().run(swapped.access, case.candidates, case.knowledge, np.random.default_rng(0))
    assert again.notes["tpr_on_pseudo_targets"] == judged


@pytest.mark.statistical
def test_a_learnt_score_is_not_judged_by_what_it_was_learnt_from() -> None:
    # Leaving only the pseudo-target out made silence look four times better than luck.
    from reticent.attacks._membership_signal import observe

    gains = []
    for seed in range(3):
        case = plant_membership(shift_nats=0.0, seed=seed, n=1500)
        seen = observe(
            case.access,
            case.candidates,
            case.knowledge,
            np.random.default_rng(0),
            attack="best",
            references=3,
            z=200,
        )
        gains.append(choose(seen, fpr=0.01, folds=4, seed=0)[2]["learned"])
    # Mean of TPR at 1, 3 and 10 %, weighted 1, 1/3 and 1/10: luck gives 3 / (1 + 1/3 + 1/10) %.
    assert np.mean(gains) < 0.0209 * 1.25


def test_depth_counts_no_ties() -> None:
    member = np.repeat([True, False], 50)
    assert depth_of([np.zeros(100)], [member], fpr=0.1) == 0.0
    assert depth_of([member.astype(float)], [member], fpr=0.1) == 1.0


def test_rarity_keeps_the_order() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(scale=3, size=200)
    told = rarity(scores, rng.normal(size=500))
    np.testing.assert_array_equal(np.argsort(told), np.argsort(scores))
    assert rarity(np.array([0.0]), rng.normal(size=5000)) == pytest.approx(np.log10(2), abs=0.03)


def test_log_odds_of_a_share() -> None:
    assert odds_of(np.array([2]), 4) == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda: Rmia(gamma=0.5), "0.5"),
        (lambda: Rmia(a=2.0), "2.0"),
        (lambda: Rmia(population=0), "0"),
        (lambda: Quantile(level=0.5), "0.5"),
        (lambda: Quantile(population=3), "3"),
        (lambda: Boundary(queries=1), "1"),
        (lambda: Boundary(references=-1), "-1"),
        (lambda: Best(fpr=0.0), "0.0"),
        (lambda: Best(folds=1), "1"),
        (lambda: Best(population=-1), "-1"),
    ],
)
def test_bad_settings_name_the_value(make, value) -> None:
    with pytest.raises(ValueError, match=f"is {value}; it must be"):
        make()
