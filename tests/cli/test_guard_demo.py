"""The demonstration as a person has it: start it, paste what it prints, stop it."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from reticent.cli.guard_demo import alone_in, free_port, has_display
from reticent.cli.paths import OUT
from reticent.guard.journal.sqlite import GUARD, SqliteStore

from .conftest import PROGRAM, environment


def run_line(line: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        subprocess.run(shlex.split(line), capture_output=True, check=True, timeout=60).stdout
    )
    return found


def test_it_says_two_lines_that_work_and_ends_both_servers(tmp_path: Path) -> None:
    out, err = tmp_path / "out.txt", tmp_path / "err.txt"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        demo = subprocess.Popen(
            [*PROGRAM, "guard", "--demo", "--no-browser"],
            cwd=tmp_path,
            env=environment(),
            stdout=to_out,
            stderr=to_err,
        )
    try:
        for _ in range(1200):
            text = out.read_text("utf-8")
            if "Ctrl-C ends both." in text or demo.poll() is not None:
                break
            time.sleep(0.05)
        assert demo.poll() is None, err.read_text("utf-8")
        lines = re.findall(r"^  (curl .*)$", text, re.M)
        assert len(lines) == 2
        bare, guarded = (run_line(line)["outputs"][0]["data"] for line in lines)  # type: ignore[index]  # an answer of the protocol
        assert sum(bare) == pytest.approx(1)
        assert any(round(score, 4) != score for score in bare)
        assert [s for s in guarded if s is not None] == [round(max(bare), 2)]
        dashboard = re.findall(r"^Dashboard: (\S+)$", text, re.M)[0]
        with urllib.request.urlopen(dashboard, timeout=10) as page:
            assert page.status == 200
        assert re.search(r"^Password:  ([a-z2-7]{5}-){3}[a-z2-7]{5}$", text, re.M)
        upstream = re.findall(r"http://127\.0\.0\.1:\d+", lines[0])[0]
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(40)
    assert code in (0, 130)
    assert "Traceback" not in err.read_text("utf-8")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(upstream, timeout=5)
    state = tmp_path / "reticent-out" / "guard-demo" / "guard-state"
    assert "rk_" not in "".join(
        f.read_bytes().decode("latin-1") for f in state.rglob("*") if f.is_file()
    )


def refuses_and_leaves_all_as_it_was(folder: Path, says: str) -> None:
    out = folder / OUT / "guard-demo"
    out.mkdir(parents=True, exist_ok=True)
    for name in ("reticent.toml", "sample.csv"):
        (out / name).write_text("the first one's", "utf-8")
    command = [*PROGRAM, "guard", "--demo", "--no-browser"]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 4
    assert says in done.stderr
    for name in ("reticent.toml", "sample.csv"):
        assert (out / name).read_text("utf-8") == "the first one's"


def test_a_second_one_in_the_same_folder_is_refused_before_it_writes(tmp_path: Path) -> None:
    out = tmp_path / OUT / "guard-demo"
    with alone_in(out):
        refuses_and_leaves_all_as_it_was(tmp_path, "a demonstration of the guard is running")
    with alone_in(out):  # it was let go
        pass


def test_one_beside_a_guard_of_the_same_folder_is_refused_before_it_writes(tmp_path: Path) -> None:
    journal = tmp_path / OUT / "guard-demo" / "guard-state" / "journal.sqlite"
    with closing(SqliteStore(journal)) as store:
        store.open(GUARD)
        refuses_and_leaves_all_as_it_was(tmp_path, "another process is writing")


def test_a_killed_demonstration_leaves_no_model_server_behind(tmp_path: Path) -> None:
    code = (
        "import time, pathlib; from reticent.cli.guard_demo import model_server\n"
        "with model_server(pathlib.Path('s.csv'), port=0) as url:\n"
        "    print(url, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [PROGRAM[0], "-c", code], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/v2", timeout=5).close()
        except OSError:
            return
        time.sleep(0.05)
    pytest.fail("the model server lives on")


def test_no_browser_where_nobody_would_see_it() -> None:
    assert not has_display({"CI": "1", "DISPLAY": ":0"}, "darwin")
    assert has_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")


def test_a_port_that_is_taken_is_not_given() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(0, but=port) != port
