import pickle
import shutil
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from skops.io import dump

from reticent.cli import main
from reticent.config import load


def test_writes_what_load_reads(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    args = ["init", "model.skops", "members.csv", "--non-members", "non_members.csv"]
    assert main([*args, "--owner", "Test team", "--out", "new.toml"]) == 0
    config = load(here / "new.toml")
    assert config.model.owner == "Test team"
    assert config.model.path == "model.skops"
    assert config.data.target == "ill"
    assert config.data.features == ("age", "smoker", "dose")
    assert {s.column for s in config.sensitive} >= {"smoker", "age"}


def test_says_what_is_left_to_do(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    assert main(["init", "model.skops", "members.csv", "--out", "new.toml"]) == 0
    said = capsys.readouterr()
    assert said.out == "new.toml\n"
    for part in ("GUESS", "data.non_members", "model.owner"):
        assert part in said.err
    assert main(["audit", "new.toml"]) == 4  # an owner is not invented


def test_one_file_with_a_column_that_tells_members(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    both = pd.concat(
        [
            pd.read_csv("members.csv").assign(in_training=1),
            pd.read_csv("non_members.csv").assign(in_training=0),
        ]
    )
    both.to_csv("everybody.csv", index=False)
    args = ["init", "model.skops", "everybody.csv", "--owner", "Test team", "--out", "new.toml"]
    assert main(args) == 0
    config = load(here / "new.toml")
    assert (config.data.source, config.data.member_column) == ("everybody.csv", "in_training")


def test_paths_start_at_the_configuration(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "audits").mkdir()
    monkeypatch.chdir(here)
    args = ["init", "model.skops", "members.csv", "--non-members", "non_members.csv"]
    assert main([*args, "--owner", "Test team", "--out", "audits/new.toml"]) == 0
    config = load(here / "audits" / "new.toml")  # checks that the files are there
    assert config.model.path == "../model.skops"


def test_a_regressor(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    members = pd.read_csv("members.csv")
    model = LinearRegression().fit(members[["age", "smoker", "ill"]], members["dose"])
    dump(model, "model.skops")
    args = ["init", "model.skops", "members.csv", "--non-members", "non_members.csv"]
    assert main([*args, "--owner", "Test team", "--out", "new.toml"]) == 0
    config = load(here / "new.toml")
    assert (config.model.task, config.data.target) == ("regression", "dose")


def test_an_existing_file_is_kept(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    before = Path("reticent.toml").read_text("utf-8")
    assert main(["init", "model.skops", "members.csv"]) == 4
    assert "--force" in capsys.readouterr().err
    assert Path("reticent.toml").read_text("utf-8") == before
    assert main(["init", "model.skops", "members.csv", "--force"]) == 0
    assert Path("reticent.toml").read_text("utf-8") != before


@pytest.mark.parametrize(
    ("model", "data", "says"),
    [
        ("absent.skops", "members.csv", "absent.skops"),
        ("model.skops", "absent.csv", "absent.csv"),
        ("members.txt", "members.csv", "members.txt"),
        ("model.pkl", "members.csv", "--trust-model-file"),
    ],
)
def test_bad_input_exits_4(
    model: str,
    data: str,
    says: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(here)
    shutil.copy("members.csv", "members.txt")
    with Path("model.pkl").open("wb") as file:
        pickle.dump(LogisticRegression(), file)
    assert main(["init", model, data, "--out", "new.toml"]) == 4
    said = capsys.readouterr().err
    assert says in said
    assert "Unexpected" not in said
    assert not Path("new.toml").exists()
