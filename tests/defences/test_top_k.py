import numpy as np
from hypothesis import given, strategies as st

from reticent.core import Answer
from reticent.defences.base import Keyed
from reticent.defences.top_k import TopK


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.5, np.nan]), min_size=1, max_size=6), st.integers(1, 7)
)
def test_a_few_scores_are_withheld_as_many_are(scores, k):
    few = np.array([scores])
    many = np.tile(few, (100, 1))
    step, unused = TopK(k=k), Keyed(b"", list)
    alone = step.apply(Answer(scores=few), unused).scores
    among = step.apply(Answer(scores=many), unused).scores
    np.testing.assert_array_equal(alone, among[:1])
