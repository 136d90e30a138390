"""The maths below the attacks on vectors, against answers that are known."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.attacks.embedding._additive import learn_additive
from reticent.attacks.embedding._head import learn_head
from reticent.attacks.embedding._vectors import shown, unit
from reticent.attacks.embedding._words import (
    EDGE,
    id_rows,
    learn_followers,
    learn_vocabulary,
    words_of,
)


def test_an_additive_model_is_learned_and_solved_exactly():
    rng = np.random.default_rng(0)
    effects = [rng.normal(size=(k, 30)) for k in (6, 9, 4)]
    base = rng.normal(size=30)
    rows, design = [], []
    for slot, effect in enumerate(effects):
        places = np.empty((2, len(effect)), dtype=int)
        for c in range(2):
            fills = [rng.integers(len(e)) for e in effects]
            for f in range(len(effect)):
                fills[slot] = f
                places[c, f] = len(rows)
                rows.append(base + sum(e[i] for e, i in zip(effects, fills, strict=True)))
        design.append((places, np.arange(len(effect))))
    model = learn_additive(np.array(rows), design)
    for true, found in zip(effects, model.effects, strict=True):
        np.testing.assert_allclose(found, true - true.mean(axis=0), atol=1e-9)
    fills = np.stack([rng.integers(len(e), size=50) for e in effects], axis=1)
    # The mean of the design is that of its contexts; goals are made from the learned parts.
    goals = model.mean + sum(e[fills[:, s]] for s, e in enumerate(model.effects))
    solved = model.solve(goals, np.zeros_like(fills), 20)
    assert np.array_equal(solved, fills)
    assert model.badness(goals, fills).max() < 1e-18


def test_a_head_learns_what_vectors_say_and_keeps_to_the_shares_elsewhere():
    """Words 0..4 have a direction each, word 5 is a coin with probability 1/4."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(5, 24))
    held = rng.random((3000, 6)) < [0.5, 0.5, 0.5, 0.5, 0.5, 0.25]
    vectors = unit(held[:, :5] @ directions + 0.01 * rng.normal(size=(3000, 24)))
    texts = [" ".join("abcdef"[j] for j in np.flatnonzero(row)) for row in held]
    vocabulary = learn_vocabulary(texts, most=10, least_texts=1)
    rows = id_rows(vocabulary, texts)
    every = np.ones(24, dtype=bool)
    head = learn_head(vectors[:2500], rows[:2500], vocabulary, every, rng, epochs=40, rate=0.02)
    odds = head.log_odds(vectors[2500:])
    told = {word: odds[:, vocabulary.index[word]] > 0 for word in "abcde"}
    right = [(told[w] == held[2500:, j]).mean() for j, w in enumerate("abcde")]
    assert min(right) > 0.95
    coin = 1 / (1 + np.exp(-odds[:, vocabulary.index["f"]]))
    assert abs(coin.mean() - 0.25) < 0.04


def test_a_change_of_the_vector_changes_the_log_odds_by_as_much():
    rng = np.random.default_rng(2)
    vectors = unit(rng.normal(size=(300, 8)))
    vocabulary = learn_vocabulary(["a b", "b c"] * 150, most=9, least_texts=1)
    rows = id_rows(vocabulary, ["a b", "b c"] * 150)
    head = learn_head(vectors, rows, vocabulary, np.ones(8, dtype=bool), rng, epochs=2, rate=0.01)
    np.testing.assert_allclose(
        head.log_odds(vectors[:9]) - head.log_odds(vectors[9:18]),
        head.change(vectors[:9] - vectors[9:18]),
        atol=1e-4,
    )


def test_followers_are_probabilities_and_put_words_in_order():
    texts = ["the cat sat on the mat", "the dog sat on the cat"] * 3
    vocabulary = learn_vocabulary(texts, most=99, least_texts=1)
    rows = [vocabulary.ids(text) for text in texts]
    followers = learn_followers(rows, len(vocabulary))
    for first in [EDGE, *range(len(vocabulary))]:
        seconds = [EDGE, *range(len(vocabulary))]
        total = sum(np.exp(followers.log_p(first, second)) for second in seconds)
        assert total == pytest.approx(1, abs=1e-9)
    jumbled = vocabulary.ids("on dog the sat")
    assert vocabulary.text(followers.arranged(jumbled)) == "the dog sat on"


def test_a_vocabulary_has_the_words_of_the_most_texts_and_ties_by_the_alphabet():
    texts = ["b a", "a a a c", "B, c!"]
    vocabulary = learn_vocabulary(texts, most=2, least_texts=1)
    assert vocabulary.words == ("a", "b")
    assert vocabulary.shares.tolist() == [2 / 3, 2 / 3]
    assert vocabulary.ids("B z a") == [1, 0]


@given(st.text(max_size=40))
def test_words_of_any_text_are_in_lower_case_and_without_spaces(text):
    for word in words_of(text):
        assert word == word.lower() or "İ" in text
        assert not any(map(str.isspace, word))


def test_coordinates_withheld_anywhere_are_not_read():
    x = np.array([[3.0, np.nan, 4.0], [1.0, 2.0, 0.0]])
    assert shown(x).tolist() == [True, False, True]
    np.testing.assert_allclose(unit(x)[0], [0.6, 0.0, 0.8])
    assert unit(np.zeros((1, 3))).tolist() == [[0.0, 0.0, 0.0]]
