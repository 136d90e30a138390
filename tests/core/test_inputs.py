"""Equal questions have equal bytes, whatever holds them; different ones do not."""

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from reticent.core import BadInput, canonical_cell, canonical_rows, repeat, stack, take

floats = st.floats(allow_nan=True, allow_infinity=True)
cells = st.one_of(
    st.sampled_from([0, 1, 1.0, True, -0.0, "1", "", None, math.nan, 2**53, 2**53 + 1]),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    floats,
    st.text(max_size=8),
    st.datetimes(),
    st.dates(),
    st.timedeltas(),
)


def plain_equal(a: object, b: object) -> bool:
    """Return whether two cells are one input, said without bytes."""

    def missing(v: object) -> bool:
        return v is None or (isinstance(v, float) and math.isnan(v))

    if missing(a) or missing(b):
        return missing(a) and missing(b)
    if isinstance(a, dt.date) and isinstance(b, dt.date):
        midnight = [
            v if isinstance(v, dt.datetime) else dt.datetime(v.year, v.month, v.day) for v in (a, b)
        ]
        return midnight[0] == midnight[1]
    return bool(a == b)


@given(st.lists(st.tuples(cells, cells, cells), min_size=2, max_size=6))
def test_rows_agree_exactly_when_their_cells_do(rows):
    keys = canonical_rows([list(row) for row in rows])
    for a, key_a in zip(rows, keys, strict=True):
        for b, key_b in zip(rows, keys, strict=True):
            same = all(map(plain_equal, a, b))
            assert (key_a == key_b) == same


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=5), elements=floats))
def test_numbers_agree_in_a_table_an_array_and_lists(x):
    rows = canonical_rows(x)
    assert rows == canonical_rows(pd.DataFrame(x))
    assert rows == canonical_rows(x.tolist())
    assert rows == canonical_rows(x.astype(object))


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.booleans()), min_size=1, max_size=6))
def test_integers_and_booleans_agree_in_a_table_and_lists(rows):
    table = pd.DataFrame(rows, columns=["a", "b"])
    expected = canonical_rows([list(row) for row in rows])
    assert canonical_rows(table) == expected
    assert canonical_rows(table.astype(object)) == expected
    assert canonical_rows(table.convert_dtypes()) == expected
    assert canonical_rows(table.convert_dtypes(dtype_backend="pyarrow")) == expected


@given(st.lists(st.tuples(st.text(max_size=5), st.none() | st.floats(-9, 9)), min_size=1))
def test_text_and_gaps_agree_in_every_kind_of_table(rows):
    expected = canonical_rows([list(row) for row in rows])
    table = pd.DataFrame({"t": [r[0] for r in rows], "f": [r[1] for r in rows]})
    assert canonical_rows(table) == expected
    assert canonical_rows(table.astype(object)) == expected
    assert canonical_rows(table.astype({"t": "category"})) == expected
    assert canonical_rows(table.astype({"f": "Float64"})) == expected


@pytest.mark.parametrize(
    "nothing", [None, float("nan"), np.nan, pd.NA, pd.NaT, np.float32("nan"), np.datetime64("NaT")]
)
def test_everything_missing_is_one_thing(nothing):
    assert canonical_cell(nothing) == canonical_cell(None)
    assert canonical_cell(nothing) != canonical_cell("")
    assert canonical_cell(nothing) != canonical_cell(0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (1, np.int8(1)),
        (0.5, np.float32(0.5)),
        (0.1, Decimal("0.1")),
        (1, np.bool_(True)),
        ("a", np.str_("a")),
        (2**60, float(2**60)),
        (2**60, np.uint64(2**60)),
        (dt.datetime(2020, 1, 2), dt.date(2020, 1, 2)),
        (dt.datetime(2020, 1, 2), np.datetime64("2020-01-02")),
        (dt.datetime(2020, 1, 2, 3), pd.Timestamp("2020-01-02 03:00")),
        (dt.datetime(2020, 1, 2, tzinfo=dt.UTC), pd.Timestamp("2020-01-02 01:00+01:00")),
        (dt.datetime(2020, 1, 2, 5, tzinfo=dt.UTC), pd.Timestamp("2020-01-02 06:00+01:00")),
        (dt.timedelta(seconds=1), pd.Timedelta("1s")),
        (dt.timedelta(seconds=1), np.timedelta64(1, "s")),
    ],
)
def test_one_value_in_two_types_has_one_name(one, other):
    assert canonical_cell(one) == canonical_cell(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        ("a", "b"),
        ("nan", None),
        (2**53, 2**53 + 1),
        (np.int64(2**53), np.int64(2**53 + 1)),
        (10**400, 10**400 + 1),
        (Decimal("0.1"), Decimal("0.2")),
        (dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 0, 0, 0, 1)),
        (pd.Timestamp(1), pd.Timestamp(2)),
        (pd.Timedelta(-1), pd.Timedelta(-2)),
        (np.datetime64(1, "ns"), np.datetime64(2, "ns")),
        (dt.timedelta(1), dt.datetime(1970, 1, 2)),
        (pd.Interval(0, 1), pd.Interval(1, 2)),
        (b"a", "a"),
        ("\ud800", "\ud801"),
    ],
)
def test_two_values_have_two_names(one, other):
    assert canonical_cell(one) != canonical_cell(other)


def test_big_whole_numbers_stay_apart_in_columns():
    big = np.array([[2**53], [2**53 + 1], [-(2**53) - 1]])
    assert len(set(canonical_rows(big))) == 3
    assert canonical_rows(big) == canonical_rows(pd.DataFrame(big)) == canonical_rows(big.tolist())


def test_a_column_of_moments_keeps_them_apart():
    moments = pd.DataFrame({"t": pd.to_datetime(["2020-01-01", "2020-01-02", None])})
    assert len(set(canonical_rows(moments))) == 3
    assert canonical_rows(moments) == canonical_rows(
        [[dt.datetime(2020, 1, 1)], [dt.datetime(2020, 1, 2)], [None]]
    )
    assert canonical_rows(moments) == canonical_rows(moments.to_numpy())


def test_cells_that_compare_equal_but_differ_in_kind_do_not_share_a_name():
    mixed = pd.DataFrame({"a": ["1", 1, True, 2.0, "2.0", None]}, dtype=object)
    assert canonical_rows(mixed) == canonical_rows([["1"], [1], [1], [2], ["2.0"], [None]])


def test_equal_numbers_that_are_no_real_number_do_not_share_a_name():
    mixed = pd.DataFrame({"a": [1, 1 + 0j]}, dtype=object)  # equal, and one hash
    assert canonical_rows(mixed) == canonical_rows([[1], [1 + 0j]])
    assert len(set(canonical_rows(mixed))) == 2


def test_moments_in_two_hours_stay_apart():
    early = dt.datetime(2020, 1, 2, 5, tzinfo=dt.UTC)
    assert canonical_cell(early) != canonical_cell(early.replace(hour=6))


def test_text_cannot_run_into_the_next_cell():
    assert canonical_rows([["ab", "c"]]) != canonical_rows([["a", "bc"]])


@pytest.mark.parametrize("odd", [object(), [1], {"a": 1}, (1, 2)])
def test_a_cell_without_stable_bytes_is_refused(odd):
    with pytest.raises(BadInput, match="must be numbers, texts"):
        canonical_cell(odd)


def test_a_table_with_a_list_in_a_cell_is_refused():
    with pytest.raises(BadInput, match="a list"):
        canonical_rows(pd.DataFrame({"a": [[1], [2]]}))


def test_shapes_without_rows_or_columns():
    assert canonical_rows(np.empty((0, 3))) == []
    assert canonical_rows(np.empty((2, 0))) == [b"", b""]
    assert canonical_rows(pd.DataFrame(index=range(2))) == [b"", b""]
    assert canonical_rows([]) == []


def test_images_agree_flat_and_nested():
    x = np.arange(12.0).reshape(2, 2, 3)
    assert canonical_rows(x) == canonical_rows(x.reshape(2, 6)) == canonical_rows(x.tolist())


def test_take_stack_and_repeat_agree_on_tables_and_arrays():
    x = np.arange(6.0).reshape(3, 2)
    table = pd.DataFrame(x, columns=["a", "b"])
    for index in (np.array([2, 0]), np.array([True, False, True])):
        assert np.array_equal(take(table, index).to_numpy(), take(x, index))
        assert list(take(table, index).index) == [0, 1]
    assert np.array_equal(stack([table, table]).to_numpy(), stack([x, x]))
    assert np.array_equal(repeat(table, 2).to_numpy(), repeat(x, 2))
    assert np.array_equal(repeat(x, 2)[3], x[0])


def test_stack_does_not_drop_arrays_among_tables():
    with pytest.raises(BadInput, match="1 of 2 sets"):
        stack([np.ones((1, 1)), pd.DataFrame({0: [1.0]})])
