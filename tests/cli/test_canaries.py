import json
from pathlib import Path

import pytest

from reticent.cli import main
from reticent.cli.exits import ExitCode


def test_made_and_planted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed, corpus = tmp_path / "list.json", tmp_path / "text.txt"
    corpus.write_text("A line of text.\n" * 100, encoding="utf-8")
    assert (
        main(["canaries", "make", str(listed), "--levels", "0,2", "--each", "3", "--length", "6"])
        == 0
    )
    assert "6 canaries of 19.9 bits" in capsys.readouterr().out
    assert (
        main(["canaries", "plant", str(listed), str(corpus), "--out", str(tmp_path / "out")]) == 0
    )
    assert "6 sentences planted in 1 file(s)" in capsys.readouterr().out
    text = (tmp_path / "out" / "text.txt").read_text("utf-8")
    assert text.count("The access code of ") == 6
    secrets = [
        c["secret"] for c in json.loads(listed.read_text("utf-8"))["canaries"] if c["copies"]
    ]
    assert all(text.count(secret) == 2 for secret in secrets)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--levels", "a,b"], "no whole numbers"),
        (["--levels", "1,2"], "need 0"),
        (["--template", "no owner"], "{owner}"),
        (["--template", "Caf\udce9 of {owner} is"], "no UTF-8"),
        (
            ["--format", "names", "--length", "1", "--levels", "0,9", "--each", "9999"],
            "as many owners",
        ),
    ],
)
def test_bad_input(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["canaries", "make", str(tmp_path / "l.json"), *arguments]) == ExitCode.BAD_INPUT
    assert said in capsys.readouterr().err
    assert not (tmp_path / "l.json").exists()


def test_list_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "l.json"
    path.write_text("{}", encoding="utf-8")
    assert main(["canaries", "measure", str(path), str(tmp_path)]) == ExitCode.BAD_INPUT
    assert "no list of canaries" in capsys.readouterr().err


def test_measured_on_a_model_in_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from reticent.testing.small_lm import SmallShape, as_target, fresh, kept, learn_tokens

    torch.set_num_threads(1)
    codec = learn_tokens(
        ["The access code of somebody, as kept by the office, is lost. " * 20], vocabulary=320
    )
    shape = SmallShape(dim=16, hidden=32, layers=1, heads=2, context=128)
    kept(tmp_path / "model", lambda: as_target(fresh(codec, shape=shape, seed=0), codec, name="m"))
    listed = tmp_path / "list.json"
    assert (
        main(
            [
                "canaries",
                "make",
                str(listed),
                "--levels",
                "0,2",
                "--each",
                "2",
                "--length",
                "3",
                "--seed",
                "1",
            ]
        )
        == 0
    )
    capsys.readouterr()
    arguments = ["canaries", "measure", str(listed), str(tmp_path / "model"), "--draws", "40"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "10.0 bits at most" in out
    assert len(out.splitlines()) == 4
    assert main([*arguments, "--json"]) == 0
    levels = json.loads(capsys.readouterr().out)
    assert [level["copies"] for level in levels] == [0, 2]
    assert levels[1]["over_never"]["n_members"] == 2
