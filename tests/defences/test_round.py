import numpy as np
from hypothesis import given, strategies as st

from reticent.core import Answer
from reticent.defences.base import Keyed
from reticent.defences.round import Round


@given(st.lists(st.floats(), min_size=1, max_size=6), st.integers(-15, 15))
def test_a_few_numbers_are_rounded_bit_for_bit_as_many_are(numbers, digits):
    few = np.array([numbers])
    many = np.tile(few, (100, 1))
    step, unused = Round(digits=digits), Keyed(b"", list)
    alone = step.apply(Answer(embeddings=few), unused).embeddings
    among = step.apply(Answer(embeddings=many), unused).embeddings
    assert alone.shape == few.shape
    np.testing.assert_array_equal(alone, among[:1])
    np.testing.assert_array_equal(np.signbit(alone), np.signbit(among[:1]))
