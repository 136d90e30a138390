"""Membership scores joined to the truth: figures worked out by hand, and silence."""

import numpy as np
import pytest
from scipy.stats import hypergeom, mannwhitneyu

from reticent.audit.grade import grade_membership

SETTINGS = {"confidence": 0.95, "prior": 0.5, "ppv_declared": 0.9}


def grade(members, others, *, seed=0, **settings):
    scores = np.concatenate([members, others]).astype(float)
    inside = np.repeat([True, False], [len(members), len(others)])
    return grade_membership(scores, inside, np.random.default_rng(seed), **{**SETTINGS, **settings})


def figure(graded, metric):
    (found,) = [f for f in graded.figures if f.metric == metric]
    return found


@pytest.fixture
def first_half_first(monkeypatch):
    """Choose on the first half of the list and confirm on the second."""

    def split(n, rng):
        first = np.arange(n) < n // 2
        return first, ~first

    monkeypatch.setattr("reticent.audit.grade.membership.halves", split)


def test_the_area_counts_pairs_and_half_of_ties():
    graded = grade([3, 2, 1], [2, 0])
    assert graded.primary.metric == "auc"
    assert graded.primary.estimate == pytest.approx(4.5 / 6)
    assert graded.primary.null == 0.5
    assert (graded.primary.n_members, graded.primary.n_non_members) == (3, 2)


def test_a_failed_attempt_stays_as_the_lowest_score():
    graded = grade([3, np.nan], [1, 0, np.nan])
    # 3 beats three; the failed one ties with the failed one and loses to two.
    assert graded.primary.estimate == pytest.approx((3 + 0.5) / 6)
    assert (graded.primary.n_members, graded.primary.n_non_members) == (2, 3)
    assert graded.arrays["scores"].tolist() == [3, -np.inf, 1, 0, -np.inf]


def test_infinite_scores_are_the_ends_of_the_order():
    graded = grade([np.inf, 1], [-np.inf, 0])
    assert graded.primary.estimate == 1.0


def test_the_order_is_all_that_counts():
    rng = np.random.default_rng(0)
    members, others = rng.normal(1, 1, 60), rng.normal(0, 1, 60)
    plain, bent = grade(members, others), grade(np.exp(members) * 1e6, np.exp(others) * 1e6)
    assert plain.primary == bent.primary
    assert plain.figures == bent.figures
    assert plain.p_value == bent.p_value


def test_low_rates_are_counted_above_the_threshold_of_strangers():
    graded = grade([200] * 30 + [50] * 70, np.arange(100))
    tpr = figure(graded, "tpr_at_fpr_0.01")
    assert tpr.estimate == pytest.approx(0.3)
    assert tpr.counts["n_members"] == 100


def test_the_p_value_looks_at_the_middle_and_at_the_far_end():
    rng = np.random.default_rng(4)
    blind_m, blind_n = rng.normal(size=990), rng.normal(size=1000)
    members = np.concatenate([blind_m, np.full(10, 9.0)])
    graded = grade(members, blind_n)
    middle = mannwhitneyu(members, blind_n, alternative="greater").pvalue
    # 20 of 2,000 are the top hundredth; ten of them are planted, the others blind.
    both = np.concatenate([members, blind_n])
    cut = np.sort(both)[-20]
    hits = int((members >= cut).sum())
    far = hypergeom.sf(hits - 1, 2000, 1000, 20)
    assert graded.p_value == pytest.approx(2 * min(middle, far))
    assert graded.p_value < 0.05 < 2 * middle


def test_silence_is_silent_and_the_p_values_are_honest():
    low = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        graded = grade(rng.normal(size=80), rng.normal(size=80), seed=seed)
        low += graded.p_value <= 0.1
        assert graded.individuals is None or not graded.individuals.confirmed
    assert low <= 12  # 6 expected; 13 or more in one of 200 sets of 60


def test_shuffled_labels_kill_every_figure():
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.normal(3, 1, 300), rng.normal(0, 1, 300)])
    inside = np.repeat([True, False], 300)
    real = grade_membership(scores, inside, np.random.default_rng(0), **SETTINGS)
    mixed = grade_membership(scores, rng.permutation(inside), np.random.default_rng(0), **SETTINGS)
    assert real.primary.lower > 0.9
    assert real.p_value < 1e-20
    assert real.individuals.confirmed
    assert figure(real, "epsilon_lower").estimate > 1
    assert figure(real, "tpr_at_fpr_0.01").estimate > 0.7
    assert mixed.primary.lower < 0.5 < mixed.primary.upper
    assert mixed.p_value > 0.05
    assert not mixed.individuals.confirmed
    assert figure(mixed, "epsilon_lower").estimate == 0
    assert figure(mixed, "tpr_at_fpr_0.01").estimate < 0.05


def test_individuals_are_chosen_on_one_half_and_confirmed_on_the_other(first_half_first):
    rng = np.random.default_rng(2)
    # 100 members, 100 others: alternating, so that both halves hold both.
    inside = np.arange(400) % 2 == 0
    told = rng.normal(size=400) + 9.0 * inside
    twice = grade_membership(told, inside, rng, **SETTINGS)
    assert twice.individuals.confirmed
    assert set(twice.individuals.rows) <= set(np.flatnonzero(inside & (np.arange(400) >= 200)))
    assert len(twice.individuals.rows) == 100
    # Sure of the members in the half for choosing, sure and wrong in the half for confirming.
    wrong = told.copy()
    wrong[200:] = rng.normal(size=200) + 9.0 * ~inside[200:]
    once = grade_membership(wrong, inside, rng, **SETTINGS)
    assert once.primary.estimate == pytest.approx(0.5, abs=0.05)
    assert not once.individuals.confirmed
    assert len(once.individuals.rows) <= 1  # of 100 members


def test_confident_wrong_guesses_leave_people_unconfirmed():
    rng = np.random.default_rng(3)
    members, others = rng.normal(4, 1, 300), rng.normal(0, 1, 300)
    assert grade(members, others).individuals.confirmed
    others[:30] = 50.0  # a tenth of the strangers look surer than any member
    graded = grade(members, others)
    assert not graded.individuals.confirmed
    assert graded.primary.lower > 0.5  # the group still leaks


def test_the_prior_decides_how_sure_an_adversary_may_be():
    rng = np.random.default_rng(5)
    members, others = rng.normal(8, 1, 300), rng.normal(0, 1, 300)
    assert grade(members, others, prior=0.5).individuals.confirmed
    # 0 of 150 false alarms rule out no more than 2.4 %: at one member in a hundred, most alarms.
    assert not grade(members, others, prior=0.01).individuals.confirmed


def test_the_curve_rises_within_its_band():
    rng = np.random.default_rng(6)
    (curve,) = grade(rng.normal(1, 1, 200), rng.normal(0, 1, 200)).curves
    x, y, low, high = map(np.array, (curve.x, curve.y, curve.lower, curve.upper))
    assert curve.name == "roc"
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) >= 0).all()
    assert ((low <= y) & (y <= high)).all()


def test_one_side_alone_gives_no_data_and_never_nought():
    graded = grade([1.0, 2.0], [])
    assert graded.primary.estimate is None
    assert graded.p_value is None
    assert graded.individuals is None
    assert graded.curves == ()
