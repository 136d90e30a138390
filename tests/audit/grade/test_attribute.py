"""Guesses of hidden values, always beside a guesser without the model."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from reticent.audit.grade import grade_attribute
from reticent.audit.grade.attribute import modal_guesses, positive_value
from reticent.core import AttributeClaim, Domain

YES_NO = {"smoker": Domain(values=np.array(["no", "yes"]), prior=np.array([0.7, 0.3]))}
SETTINGS = {"confidence": 0.95, "ppv_declared": 0.9}


def claim(guesses, confidence=None, **posterior):
    columns = guesses if isinstance(guesses, dict) else {"smoker": np.asarray(guesses)}
    n = len(next(iter(columns.values())))
    return AttributeClaim(
        guesses=columns,
        confidence=np.zeros(n) if confidence is None else np.asarray(confidence, dtype=float),
        posterior=posterior,
    )


def words(text):
    return np.array([{"y": "yes", "n": "no"}[letter] for letter in text.replace(" ", "")])


def grade(truth, guesses, imputed, inside, *, seed=0, domains=YES_NO, confidence=None, **settings):
    table = truth if isinstance(truth, pd.DataFrame) else pd.DataFrame({"smoker": words(truth)})
    return grade_attribute(
        claim(words(guesses) if isinstance(guesses, str) else guesses, confidence),
        table,
        np.asarray(inside, dtype=bool),
        claim(words(imputed) if isinstance(imputed, str) else imputed),
        domains,
        np.random.default_rng(seed),
        **{**SETTINGS, **settings},
    )


def figure(graded, metric, *, members=True):
    (found,) = [
        f
        for f in graded.figures
        if f.metric == metric
        and (f.n_members > 0 or f.n_non_members > 0)
        and (f.n_members > 0) == members
    ]
    return found


@pytest.fixture
def first_half_first(monkeypatch):
    def split(n, rng):
        first = np.arange(n) < n // 2
        return first, ~first

    monkeypatch.setattr("reticent.audit.grade.attribute.halves", split)


INSIDE = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
TRUTH = "yyynnn yynn"
GUESS = "yyynny ynnn"  # 5 of 6 members, 3 of 4 others
LEARN = "ynnnnn nnnn"  # 4 of 6 members, 2 of 4 others; the prior says no: 3 of 6, 2 of 4


def test_figures_are_those_worked_out_by_hand():
    graded = grade(TRUTH, GUESS, LEARN, INSIDE)
    assert figure(graded, "accuracy").estimate == pytest.approx(5 / 6)
    assert figure(graded, "accuracy", members=False).estimate == pytest.approx(3 / 4)
    assert figure(graded, "accuracy_of_prior").estimate == pytest.approx(3 / 6)
    assert figure(graded, "accuracy_of_imputation").estimate == pytest.approx(4 / 6)
    assert graded.primary == graded.gain
    assert graded.gain.estimate == pytest.approx(1 / 6)
    assert graded.gain.counts == {"only_a": 2, "only_b": 1, "both": 3, "n": 6}
    assert graded.baseline.metric == "accuracy_of_imputation"
    assert graded.training_leak.estimate == pytest.approx(5 / 6 - 3 / 4)
    assert graded.population_inference.estimate == pytest.approx(1 / 4)
    assert graded.population_inference.metric == "non_members_minus_imputation"
    assert graded.p_value == pytest.approx(binomtest(2, 3, alternative="greater").pvalue)
    assert graded.arrays["right"].tolist() == [1, 1, 1, 1, 1, 0, 1, 0, 1, 1]


def test_precision_and_recall_are_about_the_positive_value():
    graded = grade(TRUTH, GUESS, LEARN, INSIDE)  # yes is the rarer by the prior
    assert figure(graded, "precision[smoker=yes]").estimate == pytest.approx(3 / 4)
    assert figure(graded, "recall[smoker=yes]").estimate == pytest.approx(1)
    assert figure(graded, "precision[smoker=yes]", members=False).estimate == pytest.approx(1)
    assert figure(graded, "recall[smoker=yes]", members=False).estimate == pytest.approx(1 / 2)
    other = grade(TRUTH, GUESS, LEARN, INSIDE, positive="no")
    assert figure(other, "recall[smoker=no]").estimate == pytest.approx(2 / 3)
    assert positive_value(YES_NO["smoker"], "maybe") == "yes"


def test_the_gain_is_over_the_better_of_the_two_rivals():
    good_prior = grade("nnnnny nnnn", "nnnnnn nnnn", "yyyyyy nnnn", INSIDE)
    assert good_prior.gain.estimate == 0  # the imputation is bad; that is no gain
    assert good_prior.baseline.metric == "accuracy_of_prior"
    good_learner = grade("yyyyyn nnnn", "yyyyyn nnnn", "yyyyyn nnnn", INSIDE)
    assert good_learner.gain.estimate == 0
    assert good_learner.gain.lower < 0


def test_the_lower_end_holds_against_either_rival():
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(400) < 0.5, "y", "n")
    half = np.where(rng.random(400) < 0.6, truth, np.where(truth == "y", "n", "y"))
    graded = grade("".join(truth), "".join(truth), "".join(half), np.ones(400))
    assert graded.gain.lower > 0.3
    assert graded.gain.upper < 0.6


def test_what_the_population_gives_away_is_no_training_leak():
    graded = grade("yyyynnnn" * 20, "yyyynnnn" * 20, "nnnnnnnn" * 20, [1, 0] * 80)
    assert graded.gain.lower > 0.3
    assert graded.training_leak.estimate == 0
    assert graded.training_leak.lower < 0
    assert graded.population_inference.lower > 0.3


def test_shuffled_values_kill_every_figure():
    rng = np.random.default_rng(1)
    truth = np.where(rng.random(600) < 0.5, "y", "n")
    inside = rng.random(600) < 0.5
    sure = rng.random(600)
    real = grade("".join(truth), "".join(truth), "n" * 600, inside, confidence=sure)
    dealt = rng.permutation(truth)
    mixed = grade("".join(dealt), "".join(truth), "n" * 600, inside, confidence=sure)
    assert real.gain.lower > 0.3
    assert real.individuals.confirmed
    assert mixed.gain.lower < 0
    assert mixed.training_leak.lower < 0 < mixed.training_leak.upper
    assert mixed.p_value > 0.05
    assert mixed.individuals is None or not mixed.individuals.confirmed


def test_members_memorised_and_others_not_is_a_training_leak():
    rng = np.random.default_rng(2)
    truth = np.where(rng.random(400) < 0.5, "y", "n")
    inside = rng.random(400) < 0.5
    guess = np.where(inside, truth, rng.permutation(truth))
    graded = grade("".join(truth), "".join(guess), "n" * 400, inside)
    assert graded.training_leak.lower > 0.3
    assert graded.population_inference.upper < 0.2


def test_the_most_confident_tenth_is_counted_apart():
    truth, guess = "y" * 20, "yy" + "n" * 18
    sure = np.linspace(1, 0, 20)
    graded = grade(truth, guess, "n" * 20, np.ones(20), confidence=sure)
    top = figure(graded, "precision_at_most_confident_0.1")
    assert top.counts == {"hits": 2, "n": 2}
    assert grade(truth, guess, "n" * 20, np.ones(20), confidence=-sure).figures[4].counts == {
        "hits": 0,
        "n": 2,
    }


def test_all_hidden_columns_must_be_right_at_once():
    table = pd.DataFrame({"smoker": words("yyy"), "age": [30.0, 40.0, 50.0]})
    domains = {
        **YES_NO,
        "age": Domain(values=np.array([30.0, 40.0, 50.0]), continuous=True, tol=1.0),
    }
    guesses = {"smoker": words("yyn"), "age": np.array([30.5, 44.0, 50.0])}
    imputed = {"smoker": words("nnn"), "age": np.full(3, 40.0)}
    graded = grade(table, guesses, imputed, [1, 1, 1], domains=domains)
    assert graded.arrays["right"].tolist() == [True, False, False]
    assert figure(graded, "accuracy").estimate == pytest.approx(1 / 3)
    assert figure(graded, "accuracy[smoker]").estimate == pytest.approx(2 / 3)


def test_the_prior_guesses_the_usual_value_and_on_a_scale_the_densest_stretch():
    scale = Domain(
        values=np.array([0.0, 1.0, 2.0, 9.0]),
        continuous=True,
        tol=1.0,
        prior=np.array([0.2, 0.2, 0.2, 0.4]),
    )
    guesses = modal_guesses(("smoker", "age"), {**YES_NO, "age": scale}, 2)
    assert guesses["smoker"].tolist() == ["no", "no"]
    assert guesses["age"].tolist() == [1.0, 1.0]  # 0.6 within reach; 9 has 0.4


def test_confident_wrong_guesses_are_not_confirmed(first_half_first):
    truth = "y" * 200
    sure = np.tile(np.linspace(1, 0, 100), 2)
    right = grade(truth, truth, "n" * 200, np.ones(200), confidence=sure)
    assert right.individuals.confirmed
    assert right.individuals.rows.tolist() == list(range(100, 200))
    # The same confidence and the same first half; in the second half every guess is wrong.
    wrong = grade(truth, "y" * 100 + "n" * 100, "n" * 200, np.ones(200), confidence=sure)
    assert not wrong.individuals.confirmed
    assert len(wrong.individuals.rows) == 0
    assert wrong.individuals.precision.estimate == 0


def test_a_rule_that_does_not_hold_on_the_first_half_singles_nobody_out(first_half_first):
    truth = "y" * 200
    graded = grade(truth, "n" * 100 + "y" * 100, "n" * 200, np.ones(200))
    assert graded.individuals is None


def test_being_right_where_anybody_would_be_right_exposes_nobody(first_half_first):
    truth = "n" * 200
    graded = grade(truth, truth, truth, np.ones(200))
    assert graded.individuals.precision.estimate == 1
    assert not graded.individuals.confirmed
    assert len(graded.individuals.rows) == 0


def test_non_members_are_never_singled_out(first_half_first):
    truth = "y" * 200
    inside = np.arange(200) % 2 == 0
    graded = grade(truth, truth, "n" * 200, inside)
    assert inside[graded.individuals.rows].all()


def test_a_curve_needs_a_posterior_and_starts_at_the_surest():
    truth = pd.DataFrame({"smoker": words("yynn")})
    posterior = np.array([[0.1, 0.9], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]])
    guessed = claim(words("yynn"), smoker=posterior)
    graded = grade_attribute(
        guessed, truth, np.ones(4, dtype=bool), claim(words("nnnn")), YES_NO,
        np.random.default_rng(0), **SETTINGS,
    )  # fmt: skip
    (curve,) = graded.curves
    assert curve.name == "precision_recall"
    assert curve.x == [0.5, 0.5, 1.0, 1.0]
    assert curve.y == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])
    assert grade("yynn", "yynn", "nnnn", np.ones(4)).curves == ()


def test_no_members_give_no_data_and_never_nought():
    graded = grade("yynn", "yynn", "nnnn", np.zeros(4))
    assert graded.primary.estimate is None
    assert graded.p_value is None
    assert graded.population_inference.estimate == pytest.approx(0.5)
