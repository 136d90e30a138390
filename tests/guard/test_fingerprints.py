import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput, canonical_rows
from reticent.guard.fingerprints import FINGERPRINT_BYTES, fingerprints

KEY = bytes(range(32))
rows = st.lists(st.lists(st.integers(-3, 3) | st.text(max_size=2), min_size=2, max_size=2))


@given(rows)
def test_rows_have_equal_fingerprints_exactly_when_they_are_equal_inputs(
    some: list[list[object]],
) -> None:
    prints, plain = fingerprints(KEY, some), canonical_rows(some)
    assert len(prints) == len(some)
    assert {len(p) for p in prints} <= {FINGERPRINT_BYTES}
    for i in range(len(some)):
        for j in range(len(some)):
            assert (prints[i] == prints[j]) == (plain[i] == plain[j])


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9)))
def test_rows_looked_at_have_the_fingerprints_of_all_rows(some: list[list[float]]) -> None:
    looked_at = [[cell + 0.0 for cell in row] for row in some]
    assert fingerprints(KEY, looked_at, floats=True) == fingerprints(KEY, some)


def test_a_table_an_array_and_json_agree() -> None:
    array = np.array([[1.0, 0.0], [2.5, np.nan]])
    assert fingerprints(KEY, array) == fingerprints(KEY, [[True, -0.0], [2.5, None]])


def test_another_key_gives_other_fingerprints() -> None:
    assert fingerprints(KEY, [[1, 2]]) != fingerprints(bytes(32), [[1, 2]])


def test_they_stay_what_they_are() -> None:
    # Written down on purpose: journals of a year ago must still fit today's rows.
    assert fingerprints(KEY, [[1, "a"]])[0].hex() == "243486d906304af81aa4dc055d5c1746"


def test_a_cell_without_bytes_is_bad_input() -> None:
    with pytest.raises(BadInput):
        fingerprints(KEY, [[object()]])
