"""data_digest: the same for the same content, different for any other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from reticent.core import canonical_rows
from reticent.data import data_digest

PINNED = "03dc573a6f0a6d6c6c9b1f931aa6cbe05b0129d1c0d5758062b61675bdf8b03d"

TABLE = pd.DataFrame(
    {"n": [1.0, 2.0, np.nan], "s": ["a", "b", None], "k": [1, 2, 3], "t": [True, False, True]}
)


def test_it_is_pinned() -> None:
    """Records hold this digest: another library version must not change it."""
    assert data_digest(TABLE) == PINNED


def test_how_values_are_stored_plays_no_part() -> None:
    variants = [
        TABLE.set_index(pd.Index([9, 8, 7])),
        TABLE.astype({"k": np.int8, "n": np.float32, "t": np.int64}),
        TABLE.astype({"k": np.float64, "t": "boolean", "n": "Float64"}),
        TABLE.astype({"s": "category"}),
        TABLE.astype({"s": pd.CategoricalDtype(["b", "a"])}),
        TABLE.astype({"s": "string"}),
        TABLE.astype(object),
        TABLE.assign(s=TABLE["s"].fillna(np.nan)),
    ]
    assert {data_digest(variant) for variant in variants} == {data_digest(TABLE)}


def test_every_change_of_content_shows() -> None:
    variants = [
        TABLE,
        TABLE.rename(columns={"n": "m"}),
        TABLE[["s", "n", "k", "t"]],
        TABLE.iloc[::-1],
        TABLE.iloc[:2],
        TABLE.drop(columns="t"),
        TABLE.assign(k=[1, 2, 4]),
        TABLE.assign(s=["a", "c", None]),
        TABLE.assign(s=["a", None, "b"]),
        TABLE.assign(s=["ab", "", None]),
        TABLE.assign(n=[1.0, np.nan, 2.0]),
        TABLE.assign(k=["1", "2", "3"]),
        TABLE.rename(columns={"n": "nn"}).rename(columns={"s": ""}),
    ]
    assert len({data_digest(variant) for variant in variants}) == len(variants)


def test_large_whole_numbers_are_not_rounded_together() -> None:
    one, other = (pd.DataFrame({"id": [2**60 + i]}) for i in (0, 1))
    assert data_digest(one) != data_digest(other)


cells = st.one_of(st.integers(-3, 3), st.floats(-2, 2), st.text("ab", max_size=2), st.none())
columns = st.lists(cells, min_size=2, max_size=2)


@given(columns, columns)
def test_it_agrees_with_the_canonical_rows(a, b) -> None:
    one, other = (pd.DataFrame({"a": pd.Series(v, dtype=object)}) for v in (a, b))
    gaps = [[v is None for v in column] for column in (a, b)]
    if canonical_rows(one) == canonical_rows(other):
        assert data_digest(one) == data_digest(other)
    elif gaps[0] == gaps[1]:
        assert data_digest(one) != data_digest(other)


@pytest.mark.parametrize("rows", [0, 1])
def test_small_tables(rows) -> None:
    assert len(data_digest(TABLE.head(rows))) == 64
    assert data_digest(pd.DataFrame()) != data_digest(pd.DataFrame({"a": []}))
