import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reticent import __version__
from reticent.cli import main
from reticent.cli.app import COMMANDS, application

from .conftest import ROOT, Run, environment

HEAVY = ("sklearn", "torch", "matplotlib", "pandas", "pydantic", "statsmodels", "duckdb", "scipy")


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(application(), ["--help"])
    assert shown.exit_code == 0
    assert {command.__name__ for command in COMMANDS} == {
        "init", "audit", "demo", "report", "verify", "explain", "attacks", "schema",
        "guard", "index", "deduplicate", "probe", "protocols",
    }  # fmt: skip
    for command in COMMANDS:
        assert f" {command.__name__} " in shown.output


@pytest.mark.parametrize("command", [command.__name__ for command in COMMANDS])
def test_every_command_has_help(command: str) -> None:
    shown = CliRunner().invoke(application(), [command, "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"reticent {__version__}\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ["no-such-command"],
        ["audit"],
        ["audit", "--no-such-option"],
        ["audit", "reticent.toml", "--jobs", "0"],
        ["audit", "reticent.toml", "--seed", "minus one"],
        ["report", "record.json", "--format", "pdf"],
        ["schema", "everything"],
    ],
)
def test_a_wrong_command_line_exits_4_and_says_the_way_out(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(wrong) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "--help" in said.err
    assert "Traceback" not in said.err


def test_a_typing_error_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audti"]) == 4
    assert "audit" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from reticent.cli import main; main(['--help']); "
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, cwd=ROOT
    )
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_prints(shell: str, run: Run, tmp_path: Path) -> None:
    asked = {"_RETICENT_COMPLETE": f"source_{shell}"}
    done = run(cwd=tmp_path, env=asked)
    assert done.returncode == 0, done.stderr
    assert "_RETICENT_COMPLETE" in done.stdout


def test_completion_knows_the_commands(run: Run, tmp_path: Path) -> None:
    asked = {"_RETICENT_COMPLETE": "complete_bash", "COMP_WORDS": "reticent ve", "COMP_CWORD": "1"}
    assert run(cwd=tmp_path, env=asked).stdout.split() == ["verify"]


def test_no_colour_where_nobody_sees_it(run: Run, tmp_path: Path) -> None:
    assert "\x1b" not in run("--help", cwd=tmp_path).stdout


def test_a_reader_who_goes_away_is_no_error(tmp_path: Path) -> None:
    code = "import sys; from reticent.cli import main; sys.exit(main())"
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{sys.executable}" -c "{code}" schema record | head -1'],
        env=environment(),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""
    assert done.returncode == 0
