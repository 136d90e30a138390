import json
from pathlib import Path

import pytest

from reticent.audit.save import load
from reticent.cli import main


def test_gives_formula_counts_and_steps(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = load(out / "record.json")
    cell = next(cell for cell in record.cells if cell.primary.formula and cell.primary.counts)
    assert main(["explain", cell.id, "--record", str(out / "record.json")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert cell.id in shown
    assert " ".join(cell.primary.formula.split()) in shown
    for name in cell.primary.counts:
        assert f"{name} = " in shown


def test_json_for_scripts(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = load(out / "record.json").cells[0]
    assert main(["explain", cell.id, "--record", str(out / "record.json"), "--json"]) == 0
    explained = json.loads(capsys.readouterr().out)
    assert explained["cell"] == cell.id
    assert explained["figures"][0]["estimate"] == cell.primary.estimate


def test_an_unknown_cell_exits_4(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "no/such/cell", "--record", str(out / "record.json")]) == 4
    assert "no/such/cell" in capsys.readouterr().err
