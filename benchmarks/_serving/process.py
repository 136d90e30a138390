"""Processes of a benchmark: started on one core, measured in CPU time, always stopped."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 120.0


def free_port() -> int:
    """Return a port of loopback that nobody has now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    port: int,
    core: int | None,
    folder: Path,
    environ: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run a server (pinned, if a core is named); yields its process id once its port answers."""
    name = f"{Path(command[0]).name}-{port}"
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*([] if core is None else ["taskset", "-c", str(core)]), *map(str, command)],
            cwd=folder, stdout=log, stderr=log, env={**os.environ, **(environ or {})},
        )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                said = (folder / f"{name}.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{command[0]} did not start: {said}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.poll() is None:
            process.kill()
            process.wait()


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, its threads and its living children so far."""
    total = 0.0
    for one in family(pid):
        for task in Path(f"/proc/{one}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0]) / 1e9
    return total


def family(pid: int) -> list[int]:
    """Return a process and its living children, their children too."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:  # grows as it goes
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1.0)
        return sock.connect_ex(("127.0.0.1", port)) == 0
