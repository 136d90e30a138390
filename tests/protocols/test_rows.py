import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import canonical_rows
from reticent.protocols import BadQuestion, Interface
from reticent.protocols._json import read, write
from reticent.protocols._rows import WHOLE, by_name, cells_of, in_order, read_rows

NAMED = Interface(model="m", columns=("a", "b"))
PLAIN = Interface(model="m")
NUMBERS = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False, width=64)
)
CELLS = st.one_of(
    NUMBERS, st.integers(2**53, 2**64 - 1), st.booleans(), st.none(), st.text(max_size=3)
)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_cells_go_out_as_they_came_in(cells: list[list[object]]) -> None:
    cells = read(write(cells))
    rows, details = read_rows(cells, NAMED)
    assert canonical_rows(rows) == canonical_rows(cells)
    again = read(write(cells_of(rows, details.get(WHOLE, ()))))
    assert again == cells
    columns = list(zip(cells, again, strict=True))
    for j in range(2):
        kinds = {type(row[j]) for row, _ in columns}
        if len(kinds) == 1:  # a column of integers stays one, for servers that mind
            assert kinds == {type(row[j]) for _, row in columns}


def test_numbers_alone_become_an_array() -> None:
    rows, details = read_rows([[1, 0.5], [2, 1.0]], NAMED)
    assert isinstance(rows, np.ndarray)
    assert (rows.dtype, details) == (np.float64, {WHOLE: (0,)})
    assert write(cells_of(rows, (0,))) == b"[[1,0.5],[2,1.0]]"
    rows, details = read_rows([[1, 2]], PLAIN)
    assert (rows.dtype.kind, details) == ("i", {})
    assert write(cells_of(rows)) == b"[[1,2]]"
    assert read_rows([[[0.5], [1.5]]], Interface(model="m", row_shape=(2, 1)))[0].shape == (1, 2, 1)


@pytest.mark.parametrize(
    "cells",
    [
        [],
        None,
        {},
        [1.0, 2.0],
        [[]],
        [[1.0], [1.0, 2.0]],
        [["1.5"]],
        [[True]],
        [[True, 1.5]],
        [[[True], [1]]],
        [[None, 1.0]],
        [[2**53, 1]],
        [[2**64, 1.0]],
        [[{}]],
        [[[1.0], 2.0]],
        [[[[]]]],
    ],
)
def test_plain_rows_are_numbers_of_one_shape(cells: object) -> None:
    with pytest.raises(BadQuestion):
        read_rows(cells, PLAIN)


@pytest.mark.parametrize(
    ("cells", "interface"),
    [
        ([[1.0]], NAMED),
        ([[1.0, 2.0, 3.0]], NAMED),
        ([[[1.0], [2.0]]], NAMED),
        ([["a", ["b"]]], NAMED),
        ([["a", {}]], NAMED),
        (["ab"], NAMED),
        ([{"a": 1, "b": 2}], NAMED),
        ([[1.0, 2.0]], Interface(model="m", row_shape=(2, 1))),
        ([[1.0, 2.0]], Interface(model="m", row_shape=(3,))),
    ],
)
def test_rows_have_the_declared_shape(cells: object, interface: Interface) -> None:
    with pytest.raises(BadQuestion):
        read_rows(cells, interface)


def test_names_are_put_in_the_models_order() -> None:
    assert by_name([{"b": 2, "a": 1}], NAMED) == [[1, 2]]
    assert in_order(["b", "a"], [[2, 1]], NAMED) == [[1, 2]]
    for records in ([{"a": 1}], [{"a": 1, "b": 2, "c": 3}], [{"a": 1, "c": 2}], [[1, 2]], {"a": 1}):
        with pytest.raises(BadQuestion):
            by_name(records, NAMED)
    for columns in (["a"], ["a", "a"], ["a", "c"], "ab", None, [["a"], "b"], ["a", "b", "b"]):
        with pytest.raises(BadQuestion):
            in_order(columns, [[1, 2]], NAMED)
    with pytest.raises(BadQuestion):
        in_order(["b", "a"], [[1, 2], [1]], NAMED)
    with pytest.raises(BadQuestion, match="does not"):
        by_name([{"a": 1}], PLAIN)


@pytest.mark.parametrize("cell", [np.inf, -np.inf])
def test_numbers_that_json_cannot_say_are_not_asked(cell: float) -> None:
    for rows in (np.array([[cell]]), [[cell, "a"]]):
        with pytest.raises(BadQuestion, match="not finite"):
            cells_of(rows)


def test_one_zero_and_null_for_what_is_missing() -> None:
    assert write(cells_of(np.array([[-0.0, 1.0]]))) == b"[[0.0,1.0]]"
    assert write(cells_of([[-0.0, "a"], [float("nan"), None]])) == b'[[0.0,"a"],[null,null]]'
    with pytest.raises(BadQuestion):
        cells_of(np.array([[np.nan]]))
    assert write(cells_of(np.asfortranarray([[1, 2], [3, 4]]))) == b"[[1,2],[3,4]]"
