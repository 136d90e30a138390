import json
from pathlib import Path

import pytest

from reticent.cli import main
from reticent.cli.exits import ExitCode

SENTENCE = "This sentence stands in each of the documents of a small corpus, word for word."


def test_corpus_is_written_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.dumps({"text": f"{i} says {i * i}: {SENTENCE}"}) for i in range(3)]
    (tmp_path / "in.jsonl").write_text("\n".join(rows), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["deduplicate", str(tmp_path / "in.jsonl"), "--out", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "2 stretches" in said
    assert (out / "corpus.jsonl").read_text("utf-8").count("word for word") == 1
    assert main(["deduplicate", str(out / "corpus.jsonl"), "--out", str(tmp_path / "b")]) == 0
    caught = capsys.readouterr()
    assert "0 stretches" in caught.out
    assert "read" in caught.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["absent"], "no such file"), (["in.jsonl", "--least-bytes", "3"], "least is 8")],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text('{"text": "a"}')
    assert main(["deduplicate", *arguments, "--out", "out"]) == ExitCode.BAD_INPUT
    assert said in capsys.readouterr().err
