"""A disk that fills while an audit runs costs no finished work and leaves nothing by halves."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reticent.audit.save import load, verify
from reticent.cli import main
from reticent.cli.paths import put_text
from reticent.core import BadInput

from .conftest import environment

AUDIT = ("audit", "reticent.toml", "--only", "loss")


@pytest.fixture
def small_disk(here: Path) -> Iterator[Path]:
    """Return an empty disk of 512 KiB, where the machine lets us mount one."""
    disk = here / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk can be mounted by root alone")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def leftovers(out: Path) -> list[str]:
    return [path.name for path in out.rglob(".*")]


def fill(disk: Path, *, leave: int) -> Path:
    """Write a file that leaves so many bytes of room."""
    room = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * max(0, room.f_bavail * room.f_bsize - leave))
    return ballast


@pytest.mark.parametrize("leave", [0, 8 << 10, 48 << 10])
def test_a_full_disk(
    leave: int,
    small_disk: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(here)
    out = small_disk / "out"
    command = [*AUDIT, "--out", str(out)]
    assert main(command) in (0, 2)
    record = (out / "record.json").read_bytes()
    ballast = fill(small_disk, leave=leave)
    capfd.readouterr()

    # Another seed: everything is measured anew, and the first run's pieces give way.
    assert main([*command, "--seed", "1", "--json"]) == 4
    stopped = capfd.readouterr()
    assert stopped.out == ""
    assert "No space left" in stopped.err
    assert "--resume" in stopped.err or "unchanged" in stopped.err
    assert "Traceback" not in stopped.err
    assert leftovers(out) == []
    assert verify(out / "record.json") == []
    if load(out / "record.json").seed == 0:
        assert (out / "record.json").read_bytes() == record
    assert (out / "report.html").read_bytes().rstrip().endswith(b"</html>")

    ballast.unlink()
    assert main([*command, "--seed", "1", "--resume"]) in (0, 2)
    assert load(out / "record.json").seed == 1
    assert load(out / "record.json").run.complete


@pytest.mark.parametrize(("most", "named"), [(2_000, "work"), (20_000, "record.json")])
def test_a_file_that_may_not_grow(
    most: int, named: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, resource.RLIM_INFINITY)); "
        "from reticent.cli import main; sys.exit(main())"
    )
    stopped = subprocess.run(
        [sys.executable, "-c", limited, *AUDIT],
        cwd=here, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    out = here / "reticent-out"
    assert stopped.returncode == 4, stopped.stderr
    assert named in stopped.stderr
    assert "Free some room" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert leftovers(out) == []
    assert not (out / "record.json").exists()
    monkeypatch.chdir(here)
    assert main([*AUDIT, "--resume"]) in (0, 2)
    record = load(out / "record.json")
    assert record.run.complete
    assert (record.run.reused > 0) is (named == "record.json")


def test_a_report_is_whole_or_not_there(small_disk: Path) -> None:
    path = small_disk / "report.html"
    put_text(path, "before")
    fill(small_disk, leave=8 << 10)
    with pytest.raises(BadInput, match=r"report\.html.*No space left"):
        put_text(path, "x" * 100_000)
    assert path.read_text("utf-8") == "before"
    assert leftovers(small_disk) == []
