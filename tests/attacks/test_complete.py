import numpy as np
import pandas as pd
import pytest
from attacks.attribute.models import Table, door_to
from hypothesis import given, strategies as st

from reticent.attacks._complete import (
    ask,
    combinations,
    filled,
    joint_log_prior,
    marginals,
    puzzle,
)
from reticent.attacks._encode import log_normalise
from reticent.attacks.base import Knowledge
from reticent.core import (
    BadInput,
    BudgetSpent,
    Candidates,
    Domain,
    NotEnoughKnowledge,
)

PEOPLE = pd.DataFrame({"a": [1.0, 2.0, 1.0], "b": ["x", "y", "x"]})


def test_filled_keeps_the_models_order_and_row_major_places() -> None:
    rows = filled(PEOPLE, {"h": np.array([10, 20])}, ["b", "h", "a"])
    assert list(rows.columns) == ["b", "h", "a"]
    assert rows["h"].tolist() == [10, 20] * 3
    assert rows["a"].tolist() == [1.0, 1.0, 2.0, 2.0, 1.0, 1.0]


def test_filled_takes_values_of_each_rows_own() -> None:
    own = np.array([[1, 2], [3, 4], [5, 6]])
    assert filled(PEOPLE, {"h": own}, ["a", "b", "h"])["h"].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("alike", [True, False])
def test_the_same_question_is_asked_once(alike: bool) -> None:
    access = door_to(Table(columns=("a", "b", "h"), score=lambda x: 0.1 + 0.02 * x["h"]))
    values = np.array([10, 20]) if alike else np.tile([10, 20], (3, 1))
    answers = ask(access, PEOPLE, {"h": values}, ("a", "b", "h"))
    assert access.queries == 4  # rows 0 and 2 are the same person to the model
    assert answers.asked.all()
    assert answers.scores is not None
    assert answers.scores[:, :, 1] == pytest.approx(np.array([[0.3, 0.5]] * 3))


@pytest.mark.parametrize("alike", [True, False])
def test_a_short_budget_buys_whole_records_most_urgent_first(alike: bool) -> None:
    access = door_to(Table(columns=("a", "b", "h"), score=lambda x: 0.1 * x["a"]), query_budget=3)
    values = np.array([10, 20]) if alike else np.tile([10, 20], (3, 1))
    answers = ask(access, PEOPLE, {"h": values}, ("a", "b", "h"), urgency=np.array([0.0, 1.0, 0.5]))
    assert answers.asked.tolist() == [False, True, False]
    assert access.queries == 2
    assert answers.scores is not None
    assert np.isnan(answers.scores[0]).all()
    assert answers.scores[1, :, 1] == pytest.approx([0.2, 0.2])
    assert answers.labels is not None
    assert answers.labels[2].tolist() == [-1, -1]


def test_a_budget_below_one_record_is_an_error() -> None:
    access = door_to(Table(columns=("a", "b", "h"), score=lambda x: x["a"] * 0), query_budget=1)
    with pytest.raises(BudgetSpent, match="1 queries are left, and one record takes 2"):
        ask(access, PEOPLE, {"h": np.array([1, 2])}, ("a", "b", "h"))
    assert access.queries == 0


@given(
    st.lists(st.integers(2, 4), min_size=1, max_size=3),
    st.integers(0, 1000),
)
def test_marginals_undo_the_joint(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [log_normalise(rng.normal(size=(4, k))) for k in sizes]
    back = marginals(joint_log_prior(parts), sizes)
    for part, again in zip(parts, back, strict=True):
        assert again == pytest.approx(part)
    places = combinations([Domain(values=np.arange(k)) for k in sizes])
    row = sum(part[0][place] for part, place in zip(parts, places, strict=True))
    assert row == pytest.approx(joint_log_prior(parts)[0])


def test_puzzle_says_what_is_wrong() -> None:
    domains = {"h": Domain(values=np.array([0, 1]))}
    knowledge = Knowledge(domains=domains, columns=("a", "b", "h"))
    with pytest.raises(BadInput, match="array of shape"):
        puzzle(Candidates(x=np.zeros((2, 2)), missing=("h",)), knowledge, attack="t")
    with pytest.raises(BadInput, match="no column"):
        puzzle(Candidates(x=PEOPLE), knowledge, attack="t")
    with pytest.raises(NotEnoughKnowledge, match="'other'"):
        puzzle(Candidates(x=PEOPLE, missing=("other",)), knowledge, attack="t")
    with pytest.raises(BadInput, match="lack the column 'b'"):
        puzzle(Candidates(x=PEOPLE[["a"]], missing=("h",)), knowledge, attack="t")
