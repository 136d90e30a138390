from pathlib import Path

import pandas as pd
import pytest

from reticent.cli.example import MEMBERS, NON_MEMBERS, OUTCOME, build, divide, survey
from reticent.config import load
from reticent.targets.files import load_model


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return survey()


def test_the_survey_is_whole(people: pd.DataFrame) -> None:
    assert people.shape == (6366, 9)
    assert not people.isna().any().any()
    assert (people["affair"] == "yes").sum() == 2053
    assert people[OUTCOME].nunique() == 3


def test_nobody_stands_on_two_sides(people: pd.DataFrame) -> None:
    parts = divide(people, seed=1)
    assert sum(map(len, parts)) == len(people)
    assert abs(len(parts[0]) - MEMBERS) < 30
    assert abs(len(parts[1]) - NON_MEMBERS) < 30
    inputs = [c for c in people.columns if c != OUTCOME]
    seen = [set(part[inputs].itertuples(index=False, name=None)) for part in parts]
    assert not seen[0] & seen[1]
    assert not seen[1] & seen[2]
    assert not seen[0] & seen[2]


def test_sides_are_drawn_and_alike(people: pd.DataFrame) -> None:
    one, other = divide(people, seed=1), divide(people, seed=2)
    assert not one[0].index.equals(other[0].index)
    shares = [(part["affair"] == "yes").mean() for part in one]
    assert max(shares) - min(shares) < 0.06  # four standard errors of the smallest part


def test_builds_what_an_audit_can_read_and_keeps_it(tmp_path: Path) -> None:
    config = build(tmp_path / "demo", seed=3)
    loaded = load(config)  # checks that every file is there
    assert len(loaded.policies) >= 3
    assert {s.column for s in loaded.sensitive} == {"affair"}
    model = load_model(tmp_path / "demo" / "model.skops")
    members = pd.read_csv(tmp_path / "demo" / "members.csv")
    labels = model.answer(members.drop(columns=OUTCOME)).labels
    assert labels is not None
    right = (pd.Series(model.classes)[labels].to_numpy() == members[OUTCOME]).mean()
    assert right > 0.55  # it has learnt, and knows its classes
    before = (tmp_path / "demo" / "model.skops").stat().st_mtime_ns
    assert build(tmp_path / "demo", seed=4) == config
    assert (tmp_path / "demo" / "model.skops").stat().st_mtime_ns == before
