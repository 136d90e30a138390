"""Checks: each fault planted in sound data is found, named and answered; sound data passes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from statsmodels.datasets import fair

from reticent.core import BadInput, canonical_rows
from reticent.data import check_auxiliary, check_sides
from reticent.data._rows import among

INPUTS = ["age", "educ", "work", "children"]


@pytest.fixture
def sides():
    table = fair.load_pandas().data
    table["work"] = table["occupation"].map(lambda v: f"job {v:.0f}").astype(object)
    table["affair"] = np.where(table["affairs"] > 0, "yes", "no")
    table = table.drop_duplicates([*INPUTS, "affair"]).sample(frac=1, random_state=0)
    table = table.reset_index(drop=True)
    return table.iloc[:400].reset_index(drop=True), table.iloc[400:800].reset_index(drop=True)


def check(members, others, **changed):
    known = {"inputs": INPUTS, "target": "affair", "classes": ("no", "yes")}
    return check_sides(members, others, **{**known, **changed})


def test_sound_data_passes_without_a_word(sides) -> None:
    members, others = sides
    done = check(members, others)
    assert done.findings == ()
    pd.testing.assert_frame_equal(done.members, members)
    pd.testing.assert_frame_equal(done.non_members, others)


def test_duplicates_leave_the_non_members_and_are_counted(sides) -> None:
    members, others = sides
    planted = pd.concat([others, members.head(37)], ignore_index=True)
    done = check(members, planted)
    pd.testing.assert_frame_equal(done.non_members, others)
    (finding,) = done.findings
    assert (finding.rule, finding.count) == ("duplicates", 37)
    assert "37 of 437 non-members" in finding.what


def test_nothing_left_is_refused(sides) -> None:
    members, others = sides
    with pytest.raises(BadInput, match=r"385 of 400 non-members equal a member, which leaves 15"):
        check(members, pd.concat([members.head(385), others.head(15)], ignore_index=True))


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda t: t.head(3), "There are 3 rows"),
        (lambda t: t.rename(columns={"educ": "education"}), r"'educ' is not in the .*members"),
        (lambda t: t.drop(columns="affair"), "'affair' is not in"),
        (lambda t: t.assign(affair=t["affair"].where(t.index != 5)), "1 rows .* have no 'affair'"),
        (lambda t: t.assign(affair="no"), "single value in all 400 rows"),
        (lambda t: t.replace({"affair": {"yes": "maybe"}}), "'maybe', which is none of the model"),
    ],
)
def test_what_stops_an_audit(sides, side, plant, said) -> None:
    parts = list(sides)
    parts[side] = plant(parts[side])
    with pytest.raises(BadInput, match=said) as raised:
        check(*parts)
    assert raised.value.way_out


def test_gaps_stop_a_model_that_cannot_take_them(sides) -> None:
    members, others = sides
    others.loc[3:5, "educ"] = np.nan
    check(members, others)
    with pytest.raises(BadInput, match="'educ' of the non-members is missing in 3 of 400 rows"):
        check(members, others, takes_missing=False)


def test_a_regressors_outcome_is_finite_numbers(sides) -> None:
    members, others = sides
    check(members, others, target="affairs", classes=())
    with pytest.raises(BadInput, match="not all finite numbers"):
        check(members, others, classes=())
    others.loc[0, "affairs"] = np.inf
    with pytest.raises(BadInput, match="'affairs' of the non-members"):
        check(members, others, target="affairs", classes=())


def test_constant_columns_and_unseen_categories_are_warned_of(sides) -> None:
    members, others = sides
    members["ward"], others["ward"] = 1, 1
    others.loc[:6, "work"] = "astronaut"
    found = {f.rule: f for f in check(members, others, inputs=[*INPUTS, "ward"]).findings}
    assert set(found) == {"constant column", "unseen categories"}
    assert "'ward'" in found["constant column"].what
    assert found["unseen categories"].count == 7
    assert "astronaut" not in found["unseen categories"].what


def test_auxiliary_data(sides) -> None:
    members, _ = sides
    check_auxiliary(members, columns=INPUTS)
    with pytest.raises(BadInput, match="auxiliary data is empty"):
        check_auxiliary(members.head(0), columns=INPUTS)
    with pytest.raises(BadInput, match="3 rows in the auxiliary data"):
        check_auxiliary(members.head(3), columns=INPUTS)
    with pytest.raises(BadInput, match="'height' is not in the auxiliary data"):
        check_auxiliary(members, columns=["height"])


cells = st.one_of(st.integers(-1, 1), st.floats(-1, 1), st.sampled_from(["a", "b", None]))
tables = st.lists(st.tuples(cells, cells), max_size=6).map(
    lambda rows: pd.DataFrame(rows, columns=["a", "b"])
)


@given(tables, tables)
def test_equal_rows_are_those_with_equal_canonical_bytes(known, others) -> None:
    expected = [row in set(canonical_rows(known)) for row in canonical_rows(others)]
    assert among(known, others).tolist() == expected


def test_a_number_is_the_same_in_a_column_of_numbers_and_of_objects() -> None:
    numbers = pd.DataFrame({"a": [1.0, 2.0], "s": ["x", "y"]})
    objects = pd.DataFrame(
        {"a": pd.Series([1, "2"], dtype=object), "s": pd.Categorical(["x", "y"])}
    )
    assert among(numbers, objects).tolist() == [True, False]


def test_columns_do_not_cancel_out() -> None:
    known = pd.DataFrame({"a": [1.0], "b": [2.0]})
    swapped = pd.DataFrame({"a": [2.0], "b": [1.0]})
    assert among(known, swapped).tolist() == [False]
