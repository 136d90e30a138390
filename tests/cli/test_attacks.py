import json

import pytest

from reticent.attacks import attack_types
from reticent.attacks.language import text_attack_types
from reticent.cli import main
from reticent.cli.shelf import shelf


def test_json_is_the_whole_shelf(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attacks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == shelf()
    assert {row["name"] for row in rows} == {*attack_types(), *text_attack_types()}
    for row in rows:
        assert set(row) == {"name", "family", "accepts", "wants", "cost", "source"}
        assert row["source"]
        assert row["cost"]


def test_the_table_names_every_attack(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    assert main(["attacks"]) == 0
    shown = capsys.readouterr().out
    for name in (*attack_types(), *text_attack_types()):
        assert name in shown
