import difflib

import numpy as np
from hypothesis import given, strategies as st

from reticent.attacks.language._overlap import leading_run, longest_run, similarity

TOKENS = st.lists(st.integers(0, 3), max_size=14).map(lambda ids: np.array(ids, dtype=np.int64))


def _edits(a: list[int], b: list[int]) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(_edits(a[1:], b[1:]) + (a[0] != b[0]), _edits(a[1:], b) + 1, _edits(a, b[1:]) + 1)


@given(TOKENS, TOKENS)
def test_the_longest_run_is_difflibs(a: np.ndarray, b: np.ndarray) -> None:
    x, y = a.tolist(), b.tolist()
    theirs = difflib.SequenceMatcher(None, x, y, autojunk=False).find_longest_match()
    assert longest_run(a, b) == theirs.size


@given(TOKENS.map(lambda a: a[:6]), TOKENS.map(lambda b: b[:6]))
def test_similarity_counts_the_fewest_edits(a: np.ndarray, b: np.ndarray) -> None:
    longer = max(len(a), len(b))
    wanted = 1 - _edits(a.tolist(), b.tolist()) / longer if longer else 1.0
    assert similarity(a, b) == wanted


@given(TOKENS, TOKENS)
def test_the_leading_run_is_the_common_prefix(a: np.ndarray, b: np.ndarray) -> None:
    size = leading_run(a, b)
    assert a[:size].tolist() == b[:size].tolist()
    assert size == min(len(a), len(b)) or a[size] != b[size]
