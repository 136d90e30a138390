"""`reticent journal`, over a journal that a real one wrote."""

import asyncio
import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from reticent.cli import main
from reticent.config import load_guard
from reticent.guard.journal import open_journal
from reticent.guard.pseudonyms import identity_pseudonym, token_pseudonym
from reticent.guard.types import Entry

from .conftest import ROOT, environment

SECRET = hashlib.sha256(b"a secret of these tests").digest()
CONFIG = """\
[guard]
keep_days = 30.0

[[guard.endpoint]]
model = "risk"
owner = "Test team"
protocol = "open-inference"
upstream = "http://127.0.0.1:9"
"""
Said = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RETICENT_GUARD_SECRET", SECRET.hex())
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG, "utf-8")
    file = load_guard(path)

    async def use() -> None:
        journal = open_journal(file.guard, file.state, secret=SECRET, clock=lambda: 1_000.0)
        for i in range(20):
            who = "ann" if i % 4 == 0 else "bob"
            entry = Entry(
                time_s=1_700_000_000.0 + i,
                kind="query",
                tenant="default",
                identity=identity_pseudonym(SECRET, "default", who),
                token=token_pseudonym(SECRET, "default", f"{who}-key"),
                model="risk",
                rows=2,
                outcome="answered",
                status=200,
            )
            await journal.append(entry, durable=False)
        await journal.close()

    asyncio.run(use())
    return path


def alter(config: Path, statement: str) -> None:
    with sqlite3.connect(config.parent / "guard-state" / "journal.sqlite") as connection:
        connection.execute(statement)
    connection.close()


def test_a_journal_as_written_exits_0(config: Path, capsys: Said) -> None:
    assert main(["journal", "verify", str(config)]) == 0
    said = capsys.readouterr()
    assert "guard: 20 rows, 0 erased, 1 checkpoints, 1 anchors, 0 rows since" in said.out
    assert said.out.endswith("As it was written, as far as checkpoints reach: 20 of 20 rows.\n")
    assert said.err == ""


def test_an_altered_row_exits_1_and_is_named(config: Path, capsys: Said) -> None:
    alter(config, "UPDATE guard_rows SET payload = x'00' WHERE sequence = 5")
    assert main(["journal", "verify", str(config)]) == 1
    assert "chain guard, row 5" in capsys.readouterr().err
    assert main(["journal", "verify", str(config), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["whole"]
    assert report["problems"][0]["sequence"] == 5


def test_a_cut_end_is_found_by_an_anchor_kept_elsewhere(
    config: Path, capsys: Said, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.jsonl"
    assert main(["journal", "anchor", str(config), "--out", str(elsewhere)]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 20
    alter(config, "DELETE FROM guard_rows WHERE sequence > 10")
    alter(config, "DELETE FROM guard_checkpoints")
    (config.parent / "guard-state" / "anchors.jsonl").unlink()
    capsys.readouterr()
    assert main(["journal", "verify", str(config)]) == 0
    said = capsys.readouterr()
    assert said.out.endswith("As it was written, as far as checkpoints reach: 0 of 10 rows.\n")
    assert said.err == (
        "No checkpoint tells of chain guard: whether more rows followed cannot be known.\n"
    )
    assert main(["journal", "verify", str(config), "--anchor", str(elsewhere)]) == 1
    assert "counts 20 rows" in capsys.readouterr().err


def test_anybody_can_check_a_checkpoint_with_the_public_key(
    config: Path, capsys: Said, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.jsonl"
    main(["journal", "anchor", str(config), "--out", str(elsewhere)])
    capsys.readouterr()
    assert main(["journal", "anchor", str(config), "--public-key"]) == 0
    key = capsys.readouterr().out.strip()
    check = ["journal", "anchor", "--check", str(elsewhere), "--key"]
    assert main([*check, key]) == 0
    assert "good: chain guard, 20 rows" in capsys.readouterr().out
    assert main([*check, "ab" * 32]) == 1
    assert main(["journal", "anchor", "--check", str(elsewhere)]) == 4


@pytest.mark.parametrize("who", ["ann", "ann-key", identity_pseudonym(SECRET, "default", "ann")])
def test_a_history_by_any_of_its_names(config: Path, capsys: Said, who: str) -> None:
    assert main(["journal", "timeline", str(config), who, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["requests"], told["rows"], told["models"]) == (5, 10, {"risk": 10})
    assert main(["journal", "timeline", str(config), who]) == 0
    assert "5 requests, 5 answered with 10 rows" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["jsonl", "ocsf", "cef"])
def test_export(config: Path, capsys: Said, tmp_path: Path, form: str) -> None:
    assert main(["journal", "export", str(config), "--form", form]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20
    assert all(line.startswith("CEF:0|" if form == "cef" else "{") for line in lines)
    out = tmp_path / "out"
    some = ["--identity", "ann", "--after", "4", "--out", str(out)]
    assert main(["journal", "export", str(config), "--form", form, *some]) == 0
    assert len(out.read_text("utf-8").splitlines()) == 4


def test_erase_a_person(config: Path, capsys: Said) -> None:
    erase = ["journal", "erase", str(config), "--identity", "ann"]
    assert main(erase) == 4
    assert main([*erase, "--reason", "letter of Ann"]) == 4
    capsys.readouterr()
    assert main([*erase, "--reason", "request 7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": 5, "entries": 1, "gone": True}
    assert main(["journal", "verify", str(config)]) == 0
    assert "20 rows, 5 erased" in capsys.readouterr().out
    assert main(["journal", "timeline", str(config), "ann"]) == 0
    assert "0 requests" in capsys.readouterr().out


def test_retention(config: Path, capsys: Said) -> None:
    assert main(["journal", "erase", str(config), "--expired"]) == 0
    assert "20 rows have lost their text" in capsys.readouterr().out
    assert main(["journal", "erase", str(config), "--keep-days", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 0
    assert main(["journal", "verify", str(config)]) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ["verify", "no-such.toml"],
        ["erase", "CONFIG"],
        ["erase", "CONFIG", "--expired", "--keep-days", "3"],
        ["verify", "CONFIG", "--anchor", "no-such-file"],
        ["verify", "CONFIG", "--anchor", "CONFIG"],
        ["anchor"],
        ["anchor", "--check", "no-such-file", "--key", "ab"],
        ["export", "CONFIG", "--form", "pdf"],
    ],
)
def test_bad_input_exits_4_without_a_traceback(
    config: Path, capsys: Said, wrong: list[str]
) -> None:
    assert main(["journal", *(str(config) if w == "CONFIG" else w for w in wrong)]) == 4
    said = capsys.readouterr()
    assert said.err.startswith("reticent journal")
    assert "Traceback" not in said.err


def test_looking_for_a_journal_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.delenv("RETICENT_GUARD_SECRET", raising=False)
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG, "utf-8")
    for command in (["verify"], ["erase", "--expired"], ["export"]):
        assert main(["journal", command[0], str(path), *command[1:]]) == 4
        assert "no journal" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["reticent.toml"]


def test_another_secret_fits_nothing(
    config: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETICENT_GUARD_SECRET", hashlib.sha256(b"another").hexdigest())
    assert main(["journal", "verify", str(config)]) == 1


def test_a_lost_secret_is_said_to_be_lost_and_no_other_is_made(
    config: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RETICENT_GUARD_SECRET")
    for command in (["verify"], ["erase", "--expired"], ["export"]):
        assert main(["journal", command[0], str(config), *command[1:]]) == 4
        assert "secret is neither in the environment" in capsys.readouterr().err
    assert not (load_guard(config).state / "secret").exists()


def test_help_does_not_load_the_guard() -> None:
    code = (
        "import sys; from reticent.cli import main; main(['journal', 'verify', '--help']); "
        "print(sorted({'orjson', 'cryptography', 'uvicorn', 'psycopg', 'numpy', "
        "'reticent.guard'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, cwd=ROOT
    )
    assert done.stderr == "[]\n"


def test_a_missing_extra_is_named(config: Path) -> None:
    code = (
        "import sys, importlib.util as u; real = u.find_spec; "
        "u.find_spec = lambda n, p=None: None if n == 'orjson' else real(n, p); "
        f"from reticent.cli import main; sys.exit(main(['journal', 'verify', {str(config)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 4
    assert "pip install 'reticent[guard]'" in done.stderr
