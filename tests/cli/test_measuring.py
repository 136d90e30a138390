import shlex
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reticent.audit.save import load
from reticent.cli.app import application
from reticent.cli.measuring import FILES, Wish, again, write
from reticent.report import render


def test_the_way_to_go_on_is_the_way_it_was_called() -> None:
    wish = Wish(
        config=Path("reticent.toml"),
        out=Path("my results"),
        jobs=2,
        seed=0,
        only=["loss", "gap"],
        trust_model_file=True,
        include_records=True,
    )
    said = again("audit reticent.toml", wish)
    assert shlex.split(said)[:5] == ["reticent", "audit", "reticent.toml", "--out", "my results"]
    for option in ("--resume", "--jobs", "--seed", "--trust-model-file", "--include-records"):
        assert option in shlex.split(said)
    known = CliRunner().invoke(application(), [*shlex.split(said)[1:], "--help"])
    assert known.exit_code == 0  # every option exists


def test_every_rendering_is_of_the_same_record(out: Path, tmp_path: Path) -> None:
    record = load(out / "record.json")
    write(record, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES.values())
    for kind in ("html", "md", "junit"):
        assert (tmp_path / FILES[kind]).read_text("utf-8") == render(record, kind)


def test_warnings_are_put_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    from reticent.cli.measuring import warnings_in_words

    with warnings_in_words(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("The barrel is leaking.", UserWarning, stacklevel=1)
        warnings.warn("The barrel is leaking.", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: The barrel is leaking.\n"
