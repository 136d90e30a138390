"""What a configuration names is read, and no column more than is needed."""

import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from reticent.audit.reading import read_all, read_auxiliary
from reticent.config import Config
from reticent.core import BadInput
from reticent.targets.files import model_digest, save_model

PEOPLE = pd.DataFrame(
    {"id": range(8), "age": [30, 40] * 4, "dose": [1.0, 2.0, 3.0, 4.0] * 2, "y": [0, 1] * 4}
)


@pytest.fixture
def place(tmp_path):
    PEOPLE[:5].to_csv(tmp_path / "in.csv", index=False)
    PEOPLE[5:].to_csv(tmp_path / "out.csv", index=False)
    PEOPLE.assign(inside=[1] * 5 + [0] * 3).to_csv(tmp_path / "both.csv", index=False)
    model = DecisionTreeClassifier(random_state=0).fit(PEOPLE[["dose", "age"]], PEOPLE["y"])
    save_model(model, tmp_path / "model.skops")
    (tmp_path / "asked.py").write_text("def ask(rows):\n    return [0] * len(rows)\n")
    return tmp_path


def config(place, *, model=None, **data):
    sides = {"members": "in.csv", "non_members": "out.csv"} if "source" not in data else {}
    found = Config.model_validate(
        {
            "model": {"owner": "Test", **(model or {"path": "model.skops"})},
            "data": {"target": "y", **sides, **data},
        }
    )
    return found.written_in(place / "reticent.toml", {})


def test_a_model_file_says_which_columns_are_its_inputs(place):
    target, members, non_members, features, digest = read_all(config(place), trust=False)
    assert features == ["dose", "age"]  # in the model's order
    assert list(members.columns) == ["dose", "age", "y"]
    assert (len(members), len(non_members)) == (5, 3)
    assert digest == model_digest(place / "model.skops")
    assert target.answer(members[features]).labels.tolist() == [0, 1, 0, 1, 0]


def test_a_function_takes_all_columns_but_those_with_a_role(place):
    asked = config(place, model={"call": "asked:ask"}, identifier="id")
    target, members, _, features, _ = read_all(asked, trust=False)
    assert features == ["age", "dose"]
    assert target.answer(members[features]).labels.tolist() == [0] * 5
    with pytest.raises(BadInput, match="idd"):  # misspelt, it would leave the true one in
        read_all(config(place, model={"call": "asked:ask"}, identifier="idd"), trust=False)


def test_features_that_are_named_are_taken_as_they_are(place):
    asked = config(place, model={"call": "asked:ask"}, features=["dose"])
    _, members, _, features, _ = read_all(asked, trust=False)
    assert features == ["dose"]
    assert list(members.columns) == ["dose", "y"]


def test_one_table_is_split_by_who_is_a_member(place):
    asked = config(place, source="both.csv", member_column="inside")
    _, members, non_members, features, _ = read_all(asked, trust=False)
    assert (len(members), len(non_members)) == (5, 3)
    assert "inside" not in features


def test_records_of_the_adversary_need_their_outcomes(place):
    fields, owned = ["age", "dose", "y"], pd.concat([PEOPLE] * 3, ignore_index=True)
    owned.to_csv(place / "owned.csv", index=False)
    assert list(read_auxiliary(config(place), "owned.csv", fields).columns) == fields
    owned.assign(y=[0, None] * 12).to_csv(place / "gaps.csv", index=False)
    with pytest.raises(BadInput, match=r"^12 rows of the auxiliary data have no 'y'\."):
        read_auxiliary(config(place), "gaps.csv", fields)
    owned.drop(columns="age").to_csv(place / "few.csv", index=False)
    with pytest.raises(BadInput, match="age"):
        read_auxiliary(config(place), "few.csv", fields)
