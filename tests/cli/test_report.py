import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reticent.audit.save import load
from reticent.cli import main
from reticent.report import render
from reticent.report.places import lines_of


@pytest.mark.parametrize("kind", ["html", "md", "sarif", "junit", "json"])
def test_prints_the_rendering(kind: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(out / "record.json"), "--format", kind]) == 0
    printed = capsys.readouterr().out
    record = load(out / "record.json")
    expected = render(record, kind, lines=lines_of(record.config_path))
    assert printed.rstrip("\n") == expected.rstrip("\n")
    if kind in ("sarif", "json"):
        json.loads(printed)
    if kind == "junit":
        ElementTree.fromstring(printed)


def test_writes_a_file_and_says_where(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(out / "record.json"), "--out", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_a_folder_that_is_not_there_exits_4(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere" / "page.html"
    assert main(["report", str(out / "record.json"), "--out", str(nowhere)]) == 4
    assert "nowhere" in capsys.readouterr().err


def test_a_truncated_record_exits_4(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "record.json"
    cut.write_text((out / "record.json").read_text("utf-8")[:1000], "utf-8")
    for command in (["report", str(cut)], ["explain", "loss", "--record", str(cut)]):
        assert main(command) == 4
        said = capsys.readouterr()
        assert said.out == ""
        assert "truncated" in said.err


def test_sarif_points_into_the_configuration(out: Path, project: Path) -> None:
    results = json.loads((out / "report.sarif").read_text("utf-8"))["runs"][0]["results"]
    lines = (project / "reticent.toml").read_text("utf-8").splitlines()
    for result in results:
        region = result["locations"][0]["physicalLocation"]["region"]
        assert lines[region["startLine"] - 1] in ("[[policy]]", "[[sensitive]]")
