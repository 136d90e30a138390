"""A secret rotation: what it keeps, what it changes, and that it is the same everywhere."""

import numpy as np
import pytest
from defences.strategies import chain, embedding_answers
from hypothesis import given, strategies as st

from reticent.core import Answer, BadPolicy, Channel

ROTATE = {"kind": "rotate"}
SIZES = (1, 2, 3, 7, 64, 384)
PINNED = [
    "0x1.8c793d6bb419cp+2",
    "-0x1.1856266d4af4bp+1",
    "-0x1.4f6efada8fa6fp-1",
    "0x1.49d03c0e30300p+1",
    "0x1.17353baf131abp+1",
]


def rotated(vectors, *, secret=b"s", before=0):
    policy = chain(*[{"kind": "clip", "low": -1e9, "high": 1e9}] * before, ROTATE)
    answer = Answer(embeddings=np.asarray(vectors, dtype=float))
    return policy.apply(answer, np.zeros((len(vectors), 1)), secret=secret).embeddings


@pytest.mark.parametrize("d", SIZES)
def test_lengths_and_cosines_stay(d):
    x = np.random.default_rng(d).normal(size=(20, d))
    found = rotated(x)
    np.testing.assert_allclose(found @ found.T, x @ x.T, rtol=0, atol=1e-12 * d)


@pytest.mark.parametrize("d", SIZES)
def test_it_is_linear_and_orthogonal(d):
    turn = rotated(np.eye(d))
    np.testing.assert_allclose(turn @ turn.T, np.eye(d), atol=1e-13)
    x = np.random.default_rng(0).normal(size=(5, d))
    np.testing.assert_allclose(rotated(x), x @ turn, atol=1e-12)


def test_every_coordinate_is_spread_over_all_others_like_a_random_direction():
    """Entries of a Haar rotation have variance 1/d and all but never come near 1."""
    d = 384
    turn = np.vstack([rotated(np.eye(d), secret=b"%d" % i) for i in range(5)]) * np.sqrt(d)
    assert abs(turn.mean()) < 5 / np.sqrt(turn.size)
    assert np.mean(turn**4) == pytest.approx(3.0, abs=0.05)  # of a Gaussian; 384 if unturned
    assert np.abs(turn).max() < 8
    assert (turn**2).mean(axis=0).min() > 0.8


def test_it_depends_on_the_secret_the_step_and_the_dimension_and_on_no_question():
    x = np.random.default_rng(1).normal(size=(4, 48))
    one = rotated(x)
    for other in (rotated(x, secret=b"t"), rotated(x, before=1)):
        cosines = np.sum(one * other, axis=1) / np.sum(x * x, axis=1)
        assert np.abs(cosines).max() < 0.7
    policy = chain(ROTATE)
    elsewhere = policy.apply(Answer(embeddings=x), np.ones((4, 1)), secret=b"s").embeddings
    assert np.array_equal(elsewhere, one)


@given(embedding_answers(), st.binary(max_size=8))
def test_a_vector_is_turned_alike_alone_and_in_a_batch_to_the_last_bit(asked, secret):
    _, answer = asked
    whole = rotated(answer.embeddings, secret=secret)
    alone = [rotated(row[None], secret=secret)[0] for row in answer.embeddings]
    assert np.array_equal(whole, alone)


def test_it_is_the_same_on_every_machine():
    """Replicas must agree to the last bit: written down once, by hex."""
    found = rotated([[1.0, 2.0, 3.0, 4.0, 5.0]], secret=b"written down")
    assert [v.hex() for v in found[0].tolist()] == PINNED


def test_a_vector_with_a_withheld_coordinate_is_withheld():
    x = np.random.default_rng(2).normal(size=(2, 64))
    x[0, 3] = np.nan
    found = rotated(x)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("answer", [{"values": np.ones(1)}, {"labels": np.ones(1, dtype=int)}])
def test_other_answers_are_refused_with_a_way_out(answer):
    with pytest.raises(BadPolicy, match="rotate") as caught:
        chain(ROTATE).apply(Answer(**answer), np.zeros((1, 1)))
    assert caught.value.way_out


def test_it_leaves_the_channel_open_and_its_input_alone():
    assert chain(ROTATE).exposes(Channel.EMBEDDING) == Channel.EMBEDDING
    assert chain(ROTATE).exposes(Channel.INTERMEDIATE) == Channel(0)
    x = np.ones((1, 4))
    rotated(x)
    assert (x == 1).all()


def test_pairs_solve_for_it():
    """The docstring says what it does not hide; this shows it."""
    rng = np.random.default_rng(3)
    d = 32
    known, unseen = rng.normal(size=(d, d)), rng.normal(size=(5, d))
    turn = np.linalg.solve(known, rotated(known))
    np.testing.assert_allclose(rotated(unseen) @ turn.T, unseen, atol=1e-6)
