"""Memo: asks once, never changes an answer, forgets the oldest first."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from reticent.core import BadAnswer, Channel
from reticent.targets.function import FunctionTarget
from reticent.targets.memo import Memo, block_digest


class Counted:
    """A model that counts the blocks it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, x):
        self.asked += 1
        return np.asarray(x, dtype=np.float64).sum(axis=1)


def counted(**settings):
    model = Counted()
    return model, Memo(FunctionTarget(function=model, returns="values"), **settings)


def test_the_same_block_is_asked_once() -> None:
    model, memo = counted()
    x = np.arange(6.0).reshape(3, 2)
    first, second = memo.answer(x), memo.answer(x.copy())
    assert model.asked == 1
    assert first.values.tolist() == second.values.tolist() == [1.0, 5.0, 9.0]
    memo.answer(x[::-1])
    assert model.asked == 2


def test_it_is_the_target_in_all_else() -> None:
    _, memo = counted()
    assert (memo.name, memo.channels, memo.classes, memo.columns) == (
        "function",
        Channel.VALUE,
        (),
        (),
    )


def test_nobody_can_change_what_is_remembered() -> None:
    _, memo = counted()
    with pytest.raises(ValueError, match="read-only"):
        memo.answer(np.ones((2, 2))).values[0] = 7


def test_a_model_that_reuses_its_array_changes_nothing() -> None:
    out = np.zeros(2)

    def model(x):
        out[:] = x[:, 0]
        return out

    memo = Memo(FunctionTarget(function=model, returns="values"))
    first = memo.answer(np.array([[1.0], [2.0]]))
    memo.answer(np.array([[3.0], [4.0]]))
    assert first.values.tolist() == [1.0, 2.0]
    assert memo.answer(np.array([[1.0], [2.0]])).values.tolist() == [1.0, 2.0]


def test_the_least_recently_used_goes_first() -> None:
    model, memo = counted(most_bytes=2 * 8 * 10)
    a, b, c = (np.full((10, 1), v) for v in (1.0, 2.0, 3.0))
    for block in (a, b, a, c):  # c pushes b out
        memo.answer(block)
    assert model.asked == 3
    memo.answer(a)
    memo.answer(c)
    assert model.asked == 3
    memo.answer(b)
    assert model.asked == 4


def test_what_is_too_large_is_not_kept() -> None:
    model, memo = counted(most_bytes=8)
    for _ in range(2):
        memo.answer(np.ones((2, 1)))
    assert model.asked == 2


def test_an_error_is_not_remembered() -> None:
    said = iter([np.array([np.nan]), np.array([1.0])])
    memo = Memo(FunctionTarget(function=lambda x: next(said), returns="values"))
    with pytest.raises(BadAnswer):
        memo.answer(np.ones((1, 1)))
    assert memo.answer(np.ones((1, 1))).values.tolist() == [1.0]


def test_a_worker_starts_with_an_empty_memory() -> None:
    memo = Memo(FunctionTarget(function=len, returns="values"), most_bytes=9)
    again = pickle.loads(pickle.dumps(memo))
    assert (again.most_bytes, len(again._kept)) == (9, 0)


blocks = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=4))


@given(blocks, blocks)
def test_equal_digests_mean_equal_blocks(a, b) -> None:
    same = a.shape == b.shape and a.tobytes() == b.tobytes()
    assert (block_digest(a) == block_digest(b)) == same


cells = st.one_of(st.text(max_size=2), st.integers(-2, 2), st.booleans(), st.none(), st.floats())


@given(st.lists(cells, min_size=1, max_size=4), st.lists(cells, min_size=1, max_size=4))
def test_cells_that_a_model_can_tell_apart_count(a, b) -> None:
    one, other = (pd.DataFrame({"a": pd.Series(v, dtype=object)}) for v in (a, b))
    same = [(type(v), repr(v)) for v in a] == [(type(v), repr(v)) for v in b]
    assert (block_digest(one) == block_digest(other)) == same


def test_names_types_and_categories_count() -> None:
    table = pd.DataFrame({"a": [1, 2], "s": ["x", "y"]})
    variants = [
        table,
        table.rename(columns={"a": "b"}),
        table[["s", "a"]],
        table.astype({"a": float}),
        table.astype({"s": "category"}),
        table.astype({"s": pd.CategoricalDtype(["y", "x"])}),
        table.iloc[:1],
        table.iloc[::-1],
    ]
    digests = [block_digest(variant) for variant in variants]
    assert len(set(digests)) == len(variants)
    assert block_digest(table.copy().set_index(pd.Index([5, 9]))) == digests[0]
