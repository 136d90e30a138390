"""`reticent probe` from its command line; what it finds is tested in tests/probe."""

import json
from pathlib import Path

import pytest
from guard.live import serving
from probe.tiny import halves, inference

from reticent.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://192.0.2.1"], "--i-am-allowed 192.0.2.1"),
        (["http://192.0.2.1", "--i-am-allowed", "192.0.2.2"], "exactly the host"),
        (["ftp://127.0.0.1"], "no http or https URL"),
        (["http://127.0.0.1:9", "--key-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set"),
        (["http://127.0.0.1:9", "--row-shape", "2y3"], "sizes joined by x"),
        (["http://127.0.0.1:9", "--sample", "absent.csv"], "cannot be read"),
        (["http://127.0.0.1:9", "--against", "absent.toml"], "absent.toml"),
        (["http://127.0.0.1:9", "--protocol", "telepathy"], "not installed"),
        (["http://127.0.0.1:9"], "cannot be reached"),
    ],
)
def test_bad_input(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", *arguments, "--out", str(tmp_path), "--quiet"]) == 4
    shown = capsys.readouterr()
    assert said in shown.err
    assert "Traceback" not in shown.err
    assert list(tmp_path.iterdir()) == []


def test_json_table_and_files_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(inference(halves, limit=20)) as url:
        model = ["--model", "tiny", "--row-shape", "2", "--protocol", "open-inference"]
        code = main(["probe", url, *model, "--out", str(tmp_path), "--json"])
    record = json.loads(capsys.readouterr().out)
    assert code == record["exit_code"] == 1  # nobody was asked for a key
    assert record == json.loads((tmp_path / "record.json").read_text("utf-8"))
    assert main(["verify", str(tmp_path / "record.json")]) == 0
    assert record["digest"] in capsys.readouterr().out
    assert main(["report", str(tmp_path / "record.json"), "--format", "md"]) == 0
    assert capsys.readouterr().out == (tmp_path / "report.md").read_text("utf-8") + "\n"


def test_an_altered_record_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(inference(halves, limit=20)) as url:
        main(["probe", url, "--model", "tiny", "--out", str(tmp_path), "--quiet"])
    path = tmp_path / "record.json"
    path.write_text(path.read_text("utf-8").replace('"found"', '"not found"'), encoding="utf-8")
    assert main(["verify", str(path)]) == 4
    assert main(["report", str(path)]) == 4
    assert "altered" in capsys.readouterr().err
    assert main(["explain", "x", "--record", str(path)]) == 4
    assert "record of a probe" in capsys.readouterr().err


def test_a_person_sees_a_table_and_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(inference(halves, limit=20)) as url:
        assert main(["probe", url, "--model", "tiny", "--out", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "no-authentication" in shown.out
    assert shown.out.rstrip().endswith("report.html")
    assert "Probing" in shown.err
