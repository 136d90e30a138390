import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from reticent.config.guard import Endpoint, Input
from reticent.core import BadInput
from reticent.guard.validation import (
    NO_ROWS,
    OUTSIDE,
    REFUSALS,
    TOO_MANY_ROWS,
    WRONG_SHAPE,
    Validator,
)
from reticent.protocols.base import Question


def validator(*inputs: Input, **settings: Any) -> Validator:
    return Validator(
        Endpoint(
            model="m",
            owner="Risk team",
            protocol="open-inference",
            upstream="http://127.0.0.1:9",
            inputs=inputs,
            **settings,
        )
    )


def ask(rows: Any, cost: int | None = None) -> Question:
    return Question(rows=rows, cost=len(rows) if cost is None else cost)


AGE = Input(name="age", low=0.0, high=120.0)
ANY = Input(name="any")
COUNT = Input(name="count", kind="integer", low=0.0)
ID = Input(name="id", kind="integer")
WORD = Input(name="word", kind="text", longest=5)
JOB = Input(name="job", kind="text", values=("clerk", "nurse"))
FLAG = Input(name="flag", kind="boolean")
GRADE = Input(name="grade", values=(1, 2.5))
WIDE = Input(name="wide", kind="integer", low=-1e300, high=1e300)
GAP = Input(name="gap", low=0.0, missing=True)

TAKEN = [
    (AGE, 0.0), (AGE, 120), (AGE, -0.0), (AGE, 5e-324),
    (ANY, 1.7976931348623157e308), (ANY, 2**53), (ANY, 2**80), (ANY, -(2**53)),
    (COUNT, 3), (COUNT, 3.0), (ID, 2**63 - 1), (ID, -(2**63)), (ID, 2**53 + 1),
    (WORD, ""), (WORD, "héllo"), (WORD, "e\u0301"), (WORD, "👩‍🔬"), (JOB, "nurse"),
    (FLAG, True), (GRADE, 1), (GRADE, 1.0), (GRADE, 2.5), (GAP, None), (GAP, 1.0), (WIDE, 1),
]  # fmt: skip
REFUSED = [
    (AGE, -1e-9), (AGE, 120.00000000000001), (AGE, math.nan), (AGE, math.inf), (AGE, -math.inf),
    (AGE, True), (AGE, False), (AGE, "5"), (AGE, None), (AGE, [5.0]), (AGE, {}),
    (AGE, 10**400), (AGE, np.float64(5)),
    (ANY, 2**53 + 1), (ANY, -(2**53) - 1), (ANY, 10**400), (ANY, -(10**400)), (ANY, 2**1024),
    (ANY, math.inf), (ANY, math.nan), (ANY, False),
    (COUNT, 3.5), (COUNT, -1), (COUNT, True), (COUNT, math.nan), (COUNT, math.inf), (COUNT, "3"),
    (ID, 2**63), (ID, -(2**63) - 1), (ID, 1e300), (ID, 2.0**60),
    (WORD, "123456"), (WORD, "a\0b"), (WORD, "\ud800"), (WORD, "é\udfff"), (WORD, "é\0"),
    (WORD, 5), (WORD, None), (WORD, b"abc"), (JOB, "Nurse"), (JOB, "nurse "), (JOB, 1),
    (FLAG, 1), (FLAG, 0.0), (FLAG, "true"), (FLAG, None),
    (GRADE, True), (GRADE, 2), (GRADE, "1"), (GAP, math.nan), (GAP, -1.0), (GAP, "null"),
    (JOB, None), (GRADE, None), (WIDE, 2**63), (WIDE, -(2**63) - 1),
]  # fmt: skip


def short(value: Any) -> str:
    return value.name if isinstance(value, Input) else ascii(value)[:20]


@pytest.mark.parametrize(("declared", "cell"), TAKEN, ids=short)
@pytest.mark.parametrize("beside", [(), (FLAG,)])
@pytest.mark.parametrize("copies", [1, 300])
def test_what_is_declared_is_taken(
    declared: Input, cell: Any, beside: tuple[Input, ...], copies: int
) -> None:
    row = [cell, *(True for _ in beside)]
    assert validator(declared, *beside).check(ask([row] * copies)) == ""


@pytest.mark.parametrize(("declared", "cell"), REFUSED, ids=short)
@pytest.mark.parametrize("beside", [(), (FLAG,)])
@pytest.mark.parametrize("copies", [0, 299])
def test_all_else_is_refused_in_the_same_words(
    declared: Input, cell: Any, beside: tuple[Input, ...], copies: int
) -> None:
    good = next(c for d, c in TAKEN if d is declared)
    rows = [[good, *(True for _ in beside)]] * copies + [[cell, *(True for _ in beside)]]
    assert validator(declared, *beside).check(ask(rows)) == OUTSIDE


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], NO_ROWS),
        ([[1.0]] * 11, TOO_MANY_ROWS),
        ([[1.0, 2.0]], WRONG_SHAPE),
        ([[]], WRONG_SHAPE),
        ([1.0], WRONG_SHAPE),
        (["1"], WRONG_SHAPE),
        ([(1.0,)], WRONG_SHAPE),
        (np.ones((1, 2)), WRONG_SHAPE),
        (np.ones(1), WRONG_SHAPE),
        (np.ones((1, 1, 1)), WRONG_SHAPE),
        (np.ones((0, 1)), NO_ROWS),
        (np.ones((11, 1)), TOO_MANY_ROWS),
    ],
)
def test_shape(rows: Any, said: str) -> None:
    assert validator(AGE, max_rows=10).check(ask(rows)) == said


def test_a_question_that_costs_more_than_its_rows_counts_by_its_cost() -> None:
    assert validator(AGE, max_rows=10).check(ask([[1.0]], cost=11)) == TOO_MANY_ROWS


@pytest.mark.parametrize("rows", [2, 300])
def test_ragged_rows(rows: int) -> None:
    assert validator(AGE, AGE).check(ask([[1.0, 2.0]] * rows + [[1.0]])) == WRONG_SHAPE
    assert validator(AGE, FLAG).check(ask([[1.0, True]] * rows + [[1.0]])) == WRONG_SHAPE


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8, np.uint64])
def test_arrays_of_any_precision(dtype: Any) -> None:
    check = validator(Input(name="x", low=0.1, high=2.1)).check
    assert check(ask(np.array([[1], [2]], dtype=dtype))) == ""
    assert check(ask(np.array([[1], [3]], dtype=dtype))) == OUTSIDE
    assert check(ask(np.array([[0], [1]], dtype=dtype))) == OUTSIDE


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_the_ends_of_a_range_are_within_it_in_every_precision(dtype: Any) -> None:
    check = validator(Input(name="x", low=0.1, high=0.7)).check
    assert check(ask(np.array([[0.1], [0.7]], dtype=dtype))) == ""
    for outside in (np.nextafter(dtype(0.7), dtype(1)), np.nextafter(dtype(0.1), dtype(0))):
        assert check(ask(np.array([[outside]], dtype=dtype))) == OUTSIDE


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("cell", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("settings_", [{"inputs": (ANY,)}, {"row_shape": (1,)}, {}])
def test_arrays_are_finite(dtype: Any, cell: float, settings_: dict[str, Any]) -> None:
    check = validator(*settings_.pop("inputs", ()), **settings_).check
    assert check(ask(np.array([[cell]], dtype=dtype))) == OUTSIDE
    assert check(ask(np.array([[1.0]], dtype=dtype))) == ""


def test_arrays_of_integers_that_a_double_cannot_hold() -> None:
    check = validator(ANY).check
    assert check(ask(np.array([[2**53]]))) == ""
    assert check(ask(np.array([[2**62]]))) == ""
    assert check(ask(np.array([[2**53 + 1]]))) == OUTSIDE
    assert check(ask(np.array([[2**64 - 1]], dtype=np.uint64))) == OUTSIDE
    assert validator(ID).check(ask(np.array([[2**53 + 1]]))) == ""


def test_arrays_of_truth_values_and_texts() -> None:
    assert validator(ANY).check(ask(np.array([[True]]))) == OUTSIDE
    assert validator(FLAG).check(ask(np.array([[True]]))) == ""
    assert validator(row_shape=(1,)).check(ask(np.array([[True]]))) == OUTSIDE
    assert validator(JOB).check(ask(np.array([["nurse"]]))) == ""
    assert validator(JOB).check(ask(np.array([["judge"]]))) == OUTSIDE
    assert validator(row_shape=(1,)).check(ask(np.array([["nurse"]]))) == OUTSIDE


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([[1, 2], [3, 4.5]], ""),
        ([[1, 2], [3]], WRONG_SHAPE),
        ([[1, 2]], WRONG_SHAPE),
        ([1, 2], WRONG_SHAPE),
        ([[1, 2], [3, [4]]], WRONG_SHAPE),
        ([[1, 2], [3, True]], OUTSIDE),
        ([[1, 2], [3, "4"]], OUTSIDE),
        ([[1, 2], [3, None]], OUTSIDE),
        ([[1, 2], [3, math.nan]], OUTSIDE),
        ([[1, 2], [3, 10**400]], OUTSIDE),
    ],
)
def test_nested_arrays(cells: Any, said: str) -> None:
    assert validator(row_shape=(2, 2)).check(ask([cells])) == said
    assert validator(row_shape=(2, 2)).check(ask([[[1, 2], [3, 4]], cells])) == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["a", 1, None, True, [2.5]], ""),
        ('{"prompt":"what?"}', ""),
        ([math.nan], OUTSIDE),
        ([[[math.inf]]], OUTSIDE),
        ("a\0", OUTSIDE),
        (["\ud800"], OUTSIDE),
        ([2**53 + 1], OUTSIDE),
        ([object()], OUTSIDE),
    ],
)
def test_where_nothing_is_declared_only_nonsense_is_refused(row: Any, said: str) -> None:
    assert validator().check(ask([row])) == said


def test_depth_is_no_way_to_break_it() -> None:
    deep: Any = 1.0
    for _ in range(100_000):
        deep = [deep]
    assert validator().check(ask([deep])) == ""
    assert validator(row_shape=(1, 1)).check(ask([deep])) == WRONG_SHAPE


def test_a_prompt_is_a_row_of_one_text() -> None:
    check = validator(Input(name="prompt", kind="text", longest=3), task="text").check
    assert check(ask(["abc"])) == ""
    assert check(ask([["abc"]])) == ""
    assert check(ask(["abcd"])) == OUTSIDE
    assert check(ask(["abc", "a\0"])) == OUTSIDE


@pytest.mark.parametrize(
    "declared",
    [
        Input(name="x", low=2.0, high=1.0),
        Input(name="x", kind="text", low=1.0),
        Input(name="x", kind="boolean", high=1.0),
        Input(name="x", kind="text", values=("ab", 1)),
        Input(name="x", kind="text", values=("abc",), longest=2),
        Input(name="x", values=(True,)),
        Input(name="x", high=2.0, values=(1, 3)),
        Input(name="x", kind="integer", values=(1.5,)),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_at_the_start(declared: Input) -> None:
    with pytest.raises(BadInput):
        validator(declared)


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(), max_size=8),
    st.lists(st.integers(), max_size=2),
)
KINDS = (AGE, ANY, COUNT, ID, WORD, JOB, FLAG, GRADE, GAP)


@given(st.data())
@settings(max_examples=300)
def test_whatever_comes_is_taken_or_refused_and_a_batch_like_its_rows(data: st.DataObject) -> None:
    declared = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    check = validator(*declared).check
    rows = data.draw(st.lists(st.lists(cells, max_size=5), min_size=1, max_size=5))
    said = check(ask(rows))
    assert said in ("", *REFUSALS)
    assert (said == "") == all(check(ask([row])) == "" for row in rows)
    # The long way for many rows says the same as the short one for few.
    assert (check(ask(rows * 60)) == "") == (said == "")


@given(st.lists(st.floats(width=64), min_size=1, max_size=40), st.floats(0, 5), st.floats(5, 10))
def test_lists_and_arrays_are_judged_alike(row: list[float], low: float, high: float) -> None:
    check = validator(*(Input(name=f"c{i}", low=low, high=high) for i in range(len(row)))).check
    expected = all(low <= cell <= high for cell in row)
    assert (check(ask([row])) == "") is expected
    assert check(ask(np.array([row]))) == check(ask([row]))
    assert (check(ask([row] * 300)) == "") is expected


def test_no_refusal_says_a_number_or_a_name() -> None:
    for refusal in REFUSALS:
        assert not any(c.isdigit() for c in refusal)
        assert "age" not in refusal.split()
