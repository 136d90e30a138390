"""Grading against hand-counted words."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.audit.embedding.grade import (
    entities_found,
    exact_match,
    grade_texts,
    mean_figure,
    prior_text,
    token_f1,
)
from reticent.audit.embedding.utility import neighbours, recall_at_k

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("claimed", "true", "f1"),
    [
        ("the cat", "the cat", 1.0),
        ("The CAT!", "the, cat", 1.0),
        ("cat the", "the cat", 1.0),
        ("the", "the the the", 0.5),
        ("the the the", "the", 0.5),
        ("a b c d", "c d e f", 0.5),
        ("", "a", 0.0),
        ("a", "", 0.0),
        ("", "", 1.0),
        ("x y", "a b", 0.0),
    ],
)
def test_token_f1(claimed, true, f1):
    assert token_f1([claimed], [true]).tolist() == [f1]


@given(WORDS, WORDS)
def test_token_f1_is_symmetric_and_one_only_for_the_same_words(a, b):
    found = token_f1([a], [b])[0]
    assert found == token_f1([b], [a])[0]
    assert 0 <= found <= 1
    assert (found == 1) == (sorted(a.split()) == sorted(b.split()))


def test_exact_match_is_about_words_and_their_order():
    claimed = ["The cat.", "cat the", "the cat sat", "", "..."]
    assert exact_match(claimed, ["the cat"] * 3 + ["", "!"]).tolist() == [
        True, False, False, False, False,
    ]  # fmt: skip


def test_an_entity_is_found_only_as_whole_words_in_order():
    assert entities_found(["annabel york new"], [["Ann", "New York", "annabel"]]).tolist() == [
        False, False, True,
    ]  # fmt: skip


def test_texts_are_read_by_half_of_their_words_or_by_all_of_their_entities():
    true = ["ann has gout now", "bob has lupus now"]
    claimed = ["ann has gout", "bob is well"]
    rivals = {"nearest": ["nothing here", "has now"], "prior": ["has", "has"]}
    rng = np.random.default_rng(0)
    plain = grade_texts(claimed, true, rivals, rng, confidence=0.95)
    assert plain.arrays["read"].tolist() == [True, False]
    assert plain.arrays["read_by_rival"].tolist() == [False, True]  # "has now": F1 2/3
    assert plain.primary.estimate == 0.0
    entities = [["ann", "gout"], ["bob", "lupus"]]
    strict = grade_texts(claimed, true, rivals, rng, confidence=0.95, entities=entities)
    assert strict.arrays["read"].tolist() == [True, False]
    assert strict.arrays["read_by_rival"].tolist() == [False, False]
    figures = {f.metric: f for f in strict.figures}
    assert figures["entity_recovery"].counts == {"hits": 3, "n": 4}
    assert figures["entity_recovery_of_nearest"].estimate == 0.0


def test_word_for_word_counts_as_content_only_beyond_the_rivals():
    true = [f"text number {i}" for i in range(30)]
    rng = np.random.default_rng(0)
    ours = grade_texts(true, true, {"nearest": ["other"] * 30}, rng, confidence=0.95)
    assert ours.content is not None
    assert ours.content.estimate == 1.0
    known = grade_texts(true, true, {"nearest": true}, rng, confidence=0.95)
    assert known.content is None
    assert known.primary.estimate == 0.0


def test_the_prior_is_the_commonest_words_by_texts():
    assert prior_text(["b a a a", "b c", "b a"], 2) == "b a"


@pytest.mark.statistical
def test_the_interval_of_a_mean_covers_it_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(300):
        figure = mean_figure(rng.beta(2, 3, size=60), metric="f1", confidence=0.9, rng=rng)
        inside += figure.lower <= 0.4 <= figure.upper
    assert 0.84 <= inside / 300 <= 0.96


def test_no_values_give_no_figure():
    figure = mean_figure(np.empty(0), metric="f1", confidence=0.9, rng=np.random.default_rng(0))
    assert (figure.estimate, figure.lower, figure.upper) == (None, None, None)


def test_neighbours_are_by_cosine_best_first():
    corpus = np.array([[1.0, 0.0], [0.0, 5.0], [3.0, 3.0], [-1.0, 0.0]])
    assert neighbours(np.array([[2.0, 0.1]]), corpus, 3).tolist() == [[0, 2, 1]]
    assert neighbours(np.array([[np.nan, 1.0]]), corpus, 1).tolist() == [[1]]


def test_recall_counts_the_neighbours_that_stay():
    rng = np.random.default_rng(0)
    corpus, queries = rng.normal(size=(50, 8)), rng.normal(size=(20, 8))
    same = recall_at_k((queries, corpus), (queries, corpus), k=5, confidence=0.95, rng=rng)
    assert (same.estimate, same.lower, same.upper) == (1.0, 1.0, 1.0)
    assert same.counts == {"hits": 100.0, "n": 100.0}  # five of each of twenty
    # Of 50 rows in another order, 5 are among given 5 in one case of ten.
    other = recall_at_k(
        (queries, corpus), (queries, rng.permutation(corpus)), k=5, confidence=0.95, rng=rng
    )
    assert other.lower < 0.1 < other.upper
    assert other.n_members == 20
