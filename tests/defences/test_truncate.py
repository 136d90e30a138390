"""The first coordinates of an embedding."""

import numpy as np
import pytest
from defences.strategies import chain, embedding_answers
from hypothesis import given, strategies as st

from reticent.core import Answer, BadPolicy


def truncated(vectors, dimensions):
    answer = Answer(embeddings=np.asarray(vectors, dtype=float))
    policy = chain({"kind": "truncate", "dimensions": dimensions})
    return policy.apply(answer, np.zeros((len(vectors), 1))).embeddings


@given(embedding_answers(), st.integers(1, 12))
def test_inner_products_are_those_of_the_shorter_vectors(asked, dimensions):
    x = asked[1].embeddings
    found = truncated(x, dimensions)
    assert found.shape == x.shape
    short = x[:, :dimensions]
    np.testing.assert_allclose(found @ found.T, short @ short.T, atol=1e-9)
    assert (found[:, dimensions:] == 0).all()


def test_a_withheld_coordinate_stays_withheld_and_the_input_is_left_alone():
    x = np.array([[1.0, np.nan, 3.0, np.nan]])
    np.testing.assert_array_equal(truncated(x, 2), [[1.0, np.nan, 0.0, np.nan]])
    assert x[0, 2] == 3.0


@pytest.mark.parametrize("dimensions", [0, -1, 2.5, None])
def test_settings_out_of_range_are_refused(dimensions):
    with pytest.raises(BadPolicy, match="dimensions"):
        chain({"kind": "truncate", "dimensions": dimensions})


def test_other_answers_are_refused_with_a_way_out():
    policy = chain({"kind": "truncate", "dimensions": 8})
    with pytest.raises(BadPolicy, match="truncate") as caught:
        policy.apply(Answer(labels=np.ones(1, dtype=int)), np.zeros((1, 1)))
    assert caught.value.way_out
