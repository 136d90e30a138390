from pathlib import Path

import pytest

from reticent.audit.save import load
from reticent.cli.summary import as_data, print_summary
from reticent.report.summary import severity, summarise


def test_the_worst_cell_comes_first(out: Path) -> None:
    record = load(out / "record.json")
    cells = as_data(record, out)["cells"]
    assert cells[0]["id"] == min(record.cells, key=severity).id
    assert len(cells) == len(record.cells)


def test_says_what_the_report_says(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    record = load(out / "record.json")
    print_summary(record, out)
    shown = capsys.readouterr().out
    first = summarise(record)
    for sentence in (first.headline, *first.leaks, *first.whom, *first.sure, *first.do):
        assert sentence in shown
    for policy in record.policies:
        assert policy.name in shown
    assert shown.rstrip().splitlines()[-1] == str(out / "report.html")
