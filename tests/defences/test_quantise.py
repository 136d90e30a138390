"""Few bits of an embedding: what is left, and that it is exactly so much."""

import numpy as np
import pytest
from defences.strategies import chain, embedding_answers
from hypothesis import given, strategies as st

from reticent.core import Answer, BadPolicy, Channel


def quantised(vectors, bits):
    answer = Answer(embeddings=np.asarray(vectors, dtype=float))
    policy = chain({"kind": "quantise", "bits": bits})
    return policy.apply(answer, np.zeros((len(vectors), 1))).embeddings


@given(embedding_answers(), st.integers(2, 8))
def test_coordinates_are_multiples_of_a_step_and_off_by_half_of_one(asked, bits):
    x = asked[1].embeddings
    found = quantised(x, bits)
    step = np.abs(x).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    assert (np.abs(found - x) <= step / 2 * (1 + 1e-9)).all()
    np.testing.assert_allclose(found / step, np.round(found / step), atol=1e-9)


def test_one_bit_is_the_signs_at_length_one():
    found = quantised([[3.0, -0.1, 0.0, -7.0]], 1)
    assert found.tolist() == [[0.5, -0.5, 0.5, -0.5]]


def test_withheld_coordinates_stay_withheld_and_count_for_nothing():
    x = [[np.nan, 4.0, -1.0, np.nan]]
    np.testing.assert_array_equal(quantised(x, 2), [[np.nan, 4.0, 0.0, np.nan]])
    half = 1 / np.sqrt(2)
    np.testing.assert_allclose(quantised(x, 1), [[np.nan, half, -half, np.nan]])


def test_nothing_and_everything_small_or_large_stays_finite():
    x = [[0.0, 0.0], [1e-310, -1e-310], [1e308, -1e308], [np.nan, np.nan]]
    for bits in (1, 2, 8):
        found = quantised(x, bits)
        assert np.isfinite(found[:3]).all()
        assert np.isnan(found[3]).all()
    assert quantised(x, 8)[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bits", [0, 17, 1.5, True, "8"])
def test_settings_out_of_range_are_refused(bits):
    with pytest.raises(BadPolicy, match="bits"):
        chain({"kind": "quantise", "bits": bits})


def test_other_answers_are_refused_with_a_way_out():
    with pytest.raises(BadPolicy, match="quantise") as caught:
        chain({"kind": "quantise", "bits": 8}).apply(Answer(values=np.ones(1)), np.zeros((1, 1)))
    assert caught.value.way_out
    assert chain({"kind": "quantise", "bits": 8}).exposes(Channel.EMBEDDING) == Channel.EMBEDDING
