from pathlib import Path

from reticent.audit.save import load

from .conftest import Run


def test_from_nothing_to_a_report(tmp_path: Path, run: Run) -> None:
    done = run("demo", "--out", "demo", "--only", "loss", "--only", "map", cwd=tmp_path)
    assert done.returncode == 0, done.stderr  # it found something, which is the point
    assert done.stdout.rstrip().splitlines()[-1] == str(Path("demo") / "report.html")
    assert (tmp_path / "demo" / "report.html").stat().st_size > 0
    record = load(tmp_path / "demo" / "record.json")
    assert record.verdict == "finding"
    assert len(record.policies) == 5
    assert record.data.sensitive == {"affair": "high"}
    assert all(control.passed for control in record.controls)
