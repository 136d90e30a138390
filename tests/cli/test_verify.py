import json
from pathlib import Path

import pytest

from reticent.cli import main


@pytest.fixture
def altered(out: Path, tmp_path: Path) -> Path:
    record = json.loads((out / "record.json").read_text("utf-8"))
    record["cells"][0]["primary"]["estimate"] = 0.5001
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record), "utf-8")
    return path


def test_a_whole_record(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(out / "record.json")]) == 0
    assert "whole" in capsys.readouterr().out


def test_one_changed_number_is_seen(altered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(altered)]) == 4
    assert "digest" in capsys.readouterr().err


def test_json_for_scripts(altered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(altered), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["problems"]


def test_a_missing_record_exits_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "record.json")]) == 4
    assert "record.json" in capsys.readouterr().err
