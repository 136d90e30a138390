import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reticent.cli import main
from reticent.guard.identity.key_text import PATTERN, id_of

from .conftest import environment

CONFIG = """\
[guard]

[[guard.endpoint]]
model = "credit"
owner = "Risk team"
protocol = "open-inference"
upstream = "http://127.0.0.1:9000"

[[guard.endpoint]]
model = "churn"
tenant = "acme"
owner = "Risk team"
protocol = "open-inference"
upstream = "http://127.0.0.1:9001"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("RETICENT_GUARD_SECRET", raising=False)
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return str(path)


class Said:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert main(["keys", *arguments]) == code
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        return said.out if code == 0 else said.err


@pytest.fixture
def keys(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def listed(keys: Said, config: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(keys("list", config, "--all", "--json"))
    return found


def test_a_script_gets_the_key_and_nothing_else(keys: Said, config: str) -> None:
    out = keys("issue", config, "--identity", "bob", "--model", "credit")
    assert out == out.strip() + "\n"
    key_id = id_of(out.strip())
    (row,) = listed(keys, config)
    assert row["id"] == key_id
    assert (row["tenant"], row["identity"], row["models"]) == ("default", "bob", ["credit"])
    assert row["status"] == "active"
    assert row["expires"] > row["created"]


def test_the_key_is_shown_once(keys: Said, config: str) -> None:
    key = keys("issue", config, "--identity", "bob", "--model", "credit").strip()
    for shown in (
        keys("list", config),
        keys("list", config, "--all", "--json"),
        keys("revoke", config, key[3:15]),
        keys("list", config, "--all"),
    ):
        assert key[16:] not in shown
        assert not re.search(PATTERN, shown)
    for path in (Path(config).parent / "guard-state").iterdir():
        assert key[16:59].encode() not in path.read_bytes()


def test_json_of_an_issued_key(keys: Said, config: str) -> None:
    said = json.loads(
        keys("issue", config, "--identity", "bob", "--tenant", "acme", "--model", "*",
             "--no-expiry", "--json")
    )  # fmt: skip
    assert id_of(said["key"]) == said["id"]
    assert said["tenant"] == "acme"
    assert said["models"] == ["*"]
    assert said["expires"] is None


def test_rotate_expire_revoke(keys: Said, config: str) -> None:
    old = keys("issue", config, "--identity", "bob", "--model", "credit").strip()[3:15]
    new = keys("rotate", config, old, "--grace-hours", "1").strip()[3:15]
    rows = {row["id"]: row for row in listed(keys, config)}
    assert rows[old]["status"] == "rotated"
    assert rows[old]["successor"] == new
    assert rows[new]["status"] == "active"
    assert json.loads(keys("expire", config, old, "--in-days", "0", "--json"))["id"] == old
    assert keys("revoke", config, new) == f"{new} is revoked.\n"
    rows = {row["id"]: row for row in listed(keys, config)}
    assert rows[old]["status"] == "expired"
    assert rows[new]["status"] == "revoked"
    assert json.loads(keys("list", config, "--json")) == []
    assert keys("list", config) == "There are no such keys.\n"


def test_several_keys_can_be_revoked_at_once(keys: Said, config: str) -> None:
    ids = [
        keys("issue", config, "--identity", name, "--model", "credit").strip()[3:15]
        for name in ("bob", "eve")
    ]
    keys("revoke", config, *ids)
    assert [row["status"] for row in listed(keys, config)] == ["revoked", "revoked"]


def test_ids_are_whole_however_narrow_the_terminal(
    keys: Said, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys("issue", config, "--identity", "bob" * 40, "--model", "credit").strip()
    monkeypatch.setenv("COLUMNS", "60")
    assert key[3:15] in keys("list", config)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["issue", "--identity", "bob", "--model", "cretid"], "credit"),
        (["issue", "--identity", "bob", "--model", "churn"], "credit"),
        (["issue", "--identity", "bob", "--model", "churn", "--tenant", "acne"], "acme"),
        (["issue", "--identity", "b\nb", "--model", "credit"], "one line"),
        (["issue", "--identity", "bob", "--model", "credit", "--days", "0"], "more than 0"),
        (["issue", "--identity", "bob", "--model", "credit", "--days", "nan"], "--help"),
        (["issue", "--identity", "bob", "--model", "credit", "--days", "-1"], "--help"),
        (["issue", "--identity", "bob"], "--model"),
        (["rotate", "aaaaaaaaaaaa"], "no key"),
        (["rotate", "aaaaaaaaaaaa", "--grace-hours", "inf"], "grace"),
        (["revoke", "aaaaaaaaaaaa"], "no key"),
        (["expire", "aaaaaaaaaaaa", "--in-days", "1"], "no key"),
        (["expire", "aaaaaaaaaaaa", "--in-days", "inf"], "moment"),
        (["revoke"], "--help"),
        (["burn"], "--help"),
    ],
)
def test_bad_input_has_a_way_out(keys: Said, config: str, arguments: list[str], says: str) -> None:
    said = keys(arguments[0], config, *arguments[1:], code=4)
    assert says in said
    assert listed(keys, config) == []


def test_a_key_pasted_for_its_id_is_not_repeated(keys: Said, config: str) -> None:
    key = keys("issue", config, "--identity", "bob", "--model", "credit").strip()
    assert key[16:] not in keys("revoke", config, key, code=4)


def test_a_configuration_without_a_guard(keys: Said, tmp_path: Path) -> None:
    (tmp_path / "reticent.toml").write_text("", encoding="utf-8")
    assert "[guard]" in keys("list", str(tmp_path / "reticent.toml"), code=4)
    assert "none.toml" in keys("list", str(tmp_path / "none.toml"), code=4)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_state_is_its_owners_alone(keys: Said, config: str) -> None:
    keys("issue", config, "--identity", "bob", "--model", "credit")
    for path in (Path(config).parent / "guard-state").iterdir():
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path


def test_a_missing_extra_is_named(config: str) -> None:
    code = (
        "import importlib.util, sys; found = importlib.util.find_spec; "
        "importlib.util.find_spec = lambda n, *a: None if n == 'joserfc' else found(n, *a); "
        "sys.modules['joserfc'] = None; "
        "from reticent.cli import main; sys.exit(main(['keys', 'list', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, config], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 4
    assert "pip install 'reticent[guard]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_of_the_group_imports_no_guard() -> None:
    code = (
        "import sys; from reticent.cli import main; main(['keys', '--help']); "
        "print([m for m in sys.modules if m.startswith(('reticent.guard', 'joserfc', 'urllib3'))],"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True
    )
    assert done.stderr == "[]\n"
    for command in ("issue", "rotate", "revoke", "expire", "list"):
        assert f" {command} " in done.stdout
