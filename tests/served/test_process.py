"""A server is waited for within bounds, told about when it fails, and never left behind."""

import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import process
from served.process import NotMade, NotReady

NAME = "mlserver"  # any of the servers: its environment is only pretended here


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Pretend that the environment was made; return a folder for a run."""
    monkeypatch.setenv("RETICENT_SERVED", str(tmp_path))
    (tmp_path / NAME).mkdir()
    wanted = process.HERE / "requirements" / f"{NAME}.txt"
    (tmp_path / NAME / ".made-from").write_bytes(wanted.read_bytes())
    folder = process.new_folder(NAME)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def run(code: str, folder: Path, port: int, patience_s: float = 20.0) -> process.Served:
    command = [sys.executable, "-c", code]
    return process.launch(NAME, command, folder=folder, port=port, ready="/", patience_s=patience_s)


def serving(port: int) -> str:
    return (
        "import http.server as h;"
        f"h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()"
    )


def test_an_absent_environment_says_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETICENT_SERVED", str(tmp_path))
    with pytest.raises(NotMade, match="run scripts/make-served mlserver"):
        process.environment(NAME)


def test_an_environment_made_from_another_list_is_stale(made: Path, tmp_path: Path) -> None:
    assert process.environment(NAME) == tmp_path / NAME
    (tmp_path / NAME / ".made-from").write_text("mlserver==0.1\n")
    with pytest.raises(NotMade, match="another list"):
        process.environment(NAME)


def test_a_server_answers_until_it_is_stopped(made: Path) -> None:
    (port,) = process.free_ports(1)
    with run(serving(port), made, port) as served:
        assert urllib.request.urlopen(served.url, timeout=5).read()
    assert served.process.returncode is not None
    assert not made.exists()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(served.url, timeout=5)


def test_its_children_end_with_it(made: Path) -> None:
    (port,) = process.free_ports(1)
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"open('child', 'w').write(str(child.pid));{serving(port)}"
    )
    with run(code, made, port):
        child = int((made / "child").read_text())
        os.kill(child, 0)
    for _ in range(200):  # it was killed; the system buries it in its own time
        if not _alive(child):
            break
        time.sleep(0.05)
    assert not _alive(child)


def test_a_server_that_ends_is_told_with_its_last_words(made: Path) -> None:
    (port,) = process.free_ports(1)
    with pytest.raises(NotReady, match=r"ended with status 3:\nno weights"):
        run("import sys; print('no weights', flush=True); sys.exit(3)", made, port)
    assert not made.exists()


def test_a_server_that_never_answers_is_ended(made: Path) -> None:
    (port,) = process.free_ports(1)
    with pytest.raises(NotReady, match=r"did not answer within 0\.5 s"):
        run("import time; time.sleep(600)", made, port, patience_s=0.5)
    assert not made.exists()


def test_ports_differ() -> None:
    assert len(set(process.free_ports(5))) == 5


def _alive(pid: int) -> bool:
    """Whether a process runs: one that ended but was not waited for by its new parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except FileNotFoundError:
        return False
    return state != "Z"
