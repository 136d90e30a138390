"""What an operator sees of limits, and how a lost guard is given up."""

import asyncio
import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from guard.served_store import ServedStore, be_patient

from reticent.cli import main
from reticent.config import GuardFile, load_guard
from reticent.guard.limits import ScopeMaker, open_limits
from reticent.guard.limits.valkey import SharedLimits
from reticent.guard.secrets import read_secret
from reticent.guard.types import Caller

from .conftest import PROGRAM, environment

SECRET = hashlib.sha256(b"a secret of these tests").hexdigest()
CONFIG = """\
[guard]
{guard}
[[guard.endpoint]]
model = "credit"
owner = "Risk team"
protocol = "open-inference"
upstream = "http://127.0.0.1:9000"

[guard.endpoint.limits.identity]
lifetime_rows = 100
rolling = [{{rows = 50, days = 7}}, {{rows = 9, days = 1}}]

[[guard.endpoint]]
model = "churn"
tenant = "acme"
owner = "Risk team"
protocol = "open-inference"
upstream = "http://127.0.0.1:9001"
"""
BILLING = Caller(tenant="default", identity="billing", token="key", models=frozenset({"credit"}))


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETICENT_GUARD_SECRET", SECRET)


def written(folder: Path, guard: str = "") -> Path:
    path = folder / "reticent.toml"
    path.write_text(CONFIG.format(guard=guard), encoding="utf-8")
    return path


async def spend(file: GuardFile, rows: int, state: Path | None = None) -> None:
    """Have a guard of this configuration book rows of `BILLING`, and stop."""
    secret = read_secret(file, {"RETICENT_GUARD_SECRET": SECRET})
    limits = open_limits(file.guard, state or file.state, secret=secret, clock=time.time)
    try:
        scopes = ScopeMaker(file.guard.endpoint[0], secret=secret)(BILLING, "192.0.2.7")
        assert (await limits.admit(scopes, rows, sensitive=True)).granted
    finally:
        await limits.close()


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["limits", "show", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["limits", *arguments]) == 4
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_what_a_stopped_guard_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    asyncio.run(spend(load_guard(path), 7))
    (row,) = shown(capsys, str(path), "--identity", "billing")
    assert (row["model"], row["lifetime_rows_spent"], row["lifetime_rows"]) == ("credit", 7, 100)
    assert row["rolling"] == [
        {"rows_spent": 7, "rows": 9, "days": 1.0},
        {"rows_spent": 7, "rows": 50, "days": 7.0},
    ]
    assert 0 < row["burst_rows_in_use"] <= 7
    (row,) = shown(capsys, str(path), "--identity", "somebody")
    assert (row["lifetime_rows_spent"], row["burst_rows_in_use"]) == (0, 0)
    assert main(["limits", "show", str(path), "--identity", "billing"]) == 0
    table = capsys.readouterr().out
    assert "7 of 100" in table
    assert "7 of 9 in 1 d" in table


def test_a_guard_that_never_ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    (row,) = shown(capsys, str(path), "--identity", "billing")
    assert row["lifetime_rows_spent"] == 0
    assert not (tmp_path / "guard-state" / "limits.sqlite").exists()


def test_what_cannot_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    said = complaint(capsys, "show", str(path), "--identity", "billing", "--tenant", "nobody")
    assert "acme, default" in said
    assert "Nothing has to be done" in complaint(capsys, "accept-loss", str(path))

    async def while_it_runs() -> None:
        file = load_guard(path)
        limits = open_limits(file.guard, file.state, secret=b"s" * 32, clock=time.time)
        try:
            command = [*PROGRAM, "limits", "show", str(path), "--identity", "billing"]
            done = await asyncio.to_thread(
                subprocess.run, command, env=environment(), capture_output=True, text=True
            )
            assert done.returncode == 4
            assert "dashboard" in done.stderr
        finally:
            await limits.close()

    asyncio.run(while_it_runs())


def test_a_shared_store_is_seen_without_joining_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    be_patient(monkeypatch)
    with ServedStore(tmp_path / "store") as store:
        path = written(tmp_path, f'store = "{store.url}"\nreplicas = 2')
        file = load_guard(path)
        asyncio.run(spend(file, 4))
        asyncio.run(spend(file, 3, tmp_path / "second"))
        (row,) = shown(capsys, str(path), "--identity", "billing")
        assert (row["lifetime_rows_spent"], row["in_flight"]) == (7, 0)
        assert [window["rows_spent"] for window in row["rolling"]] == [7, 7]
        (row,) = shown(capsys, str(path), "--identity", "billing", "--tenant", "acme")
        assert (row["model"], row["lifetime_rows_spent"]) == ("churn", 0)
        assert main(["limits", "accept-loss", str(path)]) == 0
        assert "No guard is missing" in capsys.readouterr().out
    assert "away" in complaint(capsys, "show", str(path), "--identity", "billing")


def test_a_guard_that_is_gone_for_good_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    be_patient(monkeypatch)
    with ServedStore(tmp_path / "store") as store:
        path = written(tmp_path, f'store = "{store.url}"\nreplicas = 2')
        file = load_guard(path)
        asyncio.run(spend(file, 3, tmp_path / "second"))
        asyncio.run(spend(file, 4))  # it heard of the other when it joined
        shutil.rmtree(tmp_path / "second")
        store.kill()
        store.start()

        async def story() -> None:
            secret = read_secret(file, {"RETICENT_GUARD_SECRET": SECRET})
            limits = open_limits(file.guard, file.state, secret=secret, clock=time.time)
            assert isinstance(limits, SharedLimits)
            scopes = ScopeMaker(file.guard.endpoint[0], secret=secret)(BILLING, "192.0.2.7")
            try:
                refused = await limits.admit(scopes, 1, sensitive=True)
                assert refused.reason == "store away"
                command = [*PROGRAM, "limits", "accept-loss", str(path), "--json"]
                done = await asyncio.to_thread(
                    subprocess.run, command, env=environment(), capture_output=True, text=True
                )
                assert len(json.loads(done.stdout)["given_up"]) == 1, done.stderr
                end = time.monotonic() + 20
                while not (await limits.admit(scopes, 1, sensitive=True)).granted:
                    assert time.monotonic() < end
                    await asyncio.sleep(0.05)
            finally:
                await limits.close()

        asyncio.run(story())
        # What the guard that is left was the last to book, it saw in full.
        (row,) = shown(capsys, str(path), "--identity", "billing")
        assert row["lifetime_rows_spent"] == 8
