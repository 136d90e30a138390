"""Record refinement rebuilds the planted records, and none where nothing was planted."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binom

from reticent.access import QUERIED
from reticent.attacks._complete import Answers
from reticent.attacks.base import Knowledge
from reticent.attacks.inversion.refinement import RecordRefinement, evidence_of
from reticent.core import (
    Answer,
    Bools,
    BudgetSpent,
    Channel,
    Domain,
    Floats,
    NotEnoughKnowledge,
    RecordClaim,
    Seen,
)
from reticent.defences.keyed_noise import KeyedNoise
from reticent.defences.round import Round
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.testing import Planted, plant_attribute, plant_record, right_guesses


def run(case: Planted, attack: RecordRefinement | None = None) -> RecordClaim:
    attack = attack or RecordRefinement()
    return attack.run(case.access, case.candidates, case.knowledge, np.random.default_rng(1))


def rebuilt(case: Planted) -> Bools:
    return right_guesses(run(case), case)


@pytest.mark.parametrize(
    ("exposed", "policy", "regression", "least"),
    [
        (QUERIED, Policy(), False, 0.95),
        (QUERIED, Policy((Round(digits=2),)), False, 0.8),
        (Channel.LABEL | Channel.TOP_K, Policy((TopK(k=1),)), False, 0.7),
        (Channel.LABEL, Policy(), False, 0.4),
        (Channel.VALUE, Policy(), True, 0.9),
    ],
    ids=["scores", "rounded", "top 1", "labels", "values"],
)
def test_rebuilds_members_and_nobody_else(
    exposed: Channel, policy: Policy, regression: bool, least: float
) -> None:
    case = plant_record(reveal=1.0, seed=1, policy=policy, regression=regression)
    found, is_member = rebuilt(case.through(exposed=exposed)), case.truth.is_member
    assert found[is_member].mean() >= least
    chance = case.known["imputation_accuracy"]
    assert binom.sf(found[~is_member].sum() - 1, (~is_member).sum(), chance) > 1e-3


@pytest.mark.parametrize("exposed", [QUERIED, Channel.LABEL])
def test_is_silent_where_nothing_is_recalled(exposed: Channel) -> None:
    case = plant_record(reveal=0.0, seed=2).through(exposed=exposed)
    found, is_member = rebuilt(case), case.truth.is_member
    chance = case.known["imputation_accuracy"]
    assert binom.sf(found[is_member].sum() - 1, is_member.sum(), chance) > 1e-3


def test_a_partial_leak_is_found_in_proportion() -> None:
    case = plant_record(reveal=0.5, seed=3, n=800)
    found, is_member = rebuilt(case), case.truth.is_member
    share, n = found[is_member].mean(), is_member.sum()
    assert abs(share - case.known["member_accuracy"]) < 4 * np.sqrt(0.25 / n)


def test_sure_records_are_right_more_often() -> None:
    case = plant_record(reveal=0.5, seed=4)
    claim, is_member = run(case), case.truth.is_member
    found = right_guesses(claim, case)
    sure = claim.confidence > np.median(claim.confidence)
    assert found[is_member & sure].mean() > found[is_member & ~sure].mean() + 0.3


def test_noise_that_the_adversary_cannot_average_costs_it_records() -> None:
    clear = plant_record(reveal=1.0, seed=5)
    noisy = plant_record(reveal=1.0, seed=5, policy=Policy((KeyedNoise(scale=0.3),)))
    is_member = clear.truth.is_member
    assert rebuilt(noisy)[is_member].mean() < rebuilt(clear)[is_member].mean() - 0.2


def test_one_hidden_column_is_attribute_inference() -> None:
    case = plant_attribute(reveal=1.0, seed=6)
    assert rebuilt(case)[case.truth.is_member].mean() > 0.95


def test_without_the_outcome_it_goes_by_how_sure_the_model_is() -> None:
    case = plant_attribute(reveal=1.0, seed=7, seen=Seen.NOTHING)
    found, is_member = rebuilt(case), case.truth.is_member
    assert found[is_member].mean() > case.known["imputation_accuracy"] + 0.2
    with pytest.raises(NotEnoughKnowledge, match="sees no scores, and the outcome is not known"):
        run(case.through(exposed=Channel.LABEL))


def test_keeps_the_known_columns_and_the_models_order() -> None:
    case = plant_record(reveal=1.0, seed=8, n=50)
    records = run(case).records
    assert tuple(records.columns) == case.knowledge.columns
    for column in case.candidates.x:
        assert (records[column].to_numpy() == case.candidates.x[column].to_numpy()).all()  # type: ignore[call-overload]  # a table


def test_stops_where_the_budget_ends() -> None:
    case = plant_record(reveal=1.0, seed=9, n=100)
    full = run(case.through(exposed=QUERIED))
    short = case.through(exposed=QUERIED, query_budget=2000)
    claim = run(short)
    assert short.access.queries <= 2000
    assert len(claim.records) == 100
    assert claim.notes["queries_a_record"] < full.notes["queries_a_record"]
    with pytest.raises(BudgetSpent):
        run(case.through(exposed=QUERIED, query_budget=2))


def test_more_starts_find_more_through_labels() -> None:
    shares = []
    for starts in (1, 6):
        case = plant_record(reveal=1.0, seed=10, n=600).through(exposed=Channel.LABEL)
        found = right_guesses(run(case, RecordRefinement(starts=starts)), case)
        shares.append(found[case.truth.is_member].mean())
    assert shares[1] > shares[0] + 0.05


def test_needs_records_of_its_own() -> None:
    case = plant_record(reveal=1.0, seed=11, n=20)
    with pytest.raises(NotEnoughKnowledge, match="plausibility"):
        RecordRefinement().run(
            case.access,
            case.candidates,
            Knowledge(domains=case.knowledge.domains, columns=case.knowledge.columns),
            np.random.default_rng(0),
        )


@pytest.mark.parametrize("bad", [{"starts": 0}, {"rounds": 0}, {"weight": -1.0}])
def test_refuses_settings_that_mean_nothing(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        RecordRefinement(**bad)  # type: ignore[arg-type]  # that is the point


def labelled(right: Bools) -> Floats:
    """Return the evidence of labels that are right where stated, along a scale of ten."""
    n, k = right.shape
    domain = Domain(values=np.arange(k), continuous=True)
    answers = Answers(
        flat=Answer(labels=np.where(right, 1, 0).ravel()), asked=np.ones(n, dtype=bool), k=k
    )
    access = plant_record(reveal=1.0, seed=12, n=20).access
    return evidence_of(answers, np.ones(n, dtype=np.int64), domain, access)


def test_labels_lead_to_the_middle_of_what_they_allow() -> None:
    right = np.zeros((2, 10), dtype=bool)
    right[0, 3:8] = True
    right[1, [0, 6, 7, 8]] = True
    np.testing.assert_array_equal(labelled(right).argmax(axis=1), [5, 7])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=10, max_size=10), min_size=1, max_size=4))
def test_a_right_label_always_outweighs_a_wrong_one(rows: list[list[bool]]) -> None:
    right = np.array(rows)
    found = labelled(right)
    if right.any() and not right.all():
        assert found[right].min() > found[~right].max()
