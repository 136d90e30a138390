"""Run one server as a child process on a free loopback port, wait for it, and end it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).resolve().parent
INSIDE = HERE / "_inside"  # the scripts that run in a server's own environment
ROOT = HERE.parents[1]


class NotMade(Exception):
    """A server's environment is absent, or was made from another list of packages."""


class NotReady(Exception):
    """A server ended, or did not answer in time."""


def environment(name: str) -> Path:
    """Return the folder of the environment of a server.

    Raises:
        NotMade: it is absent or stale.
    """
    cache = Path(os.environ.get("RETICENT_SERVED", ROOT / ".served-envs"))
    folder = cache.absolute() / name
    wanted = (HERE / "requirements" / f"{name}.txt").read_bytes()
    made_from = folder / ".made-from"
    if not made_from.is_file():
        raise NotMade(f"{name} has no environment in {folder}: run scripts/make-served {name}")
    if made_from.read_bytes() != wanted:
        raise NotMade(f"{folder} was made from another list: run scripts/make-served {name}")
    return folder


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that were free on 127.0.0.1 a moment ago."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. Leaving its `with` block, or `stop()`, ends it and removes its files.

    Attributes:
        name: As in `scripts/make-served NAME`.
        url: Where it answers, without a slash at the end.
        folder: Its models, configuration and log.
        others: Further addresses by name, such as `metrics`.
    """

    name: str
    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    others: Mapping[str, str]

    def stop(self) -> None:
        """End the server, which may tidy up for 10 s, and then what is left of its children."""
        for how, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            self.process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """Return the end of what the server printed."""
        text = (self.folder / "server.log").read_text(errors="replace")
        return text[-3000:]

    def __enter__(self) -> "Served":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def new_folder(name: str) -> Path:
    """Return a new empty folder for one run of a server."""
    return Path(tempfile.mkdtemp(prefix=f"served-{name}-"))


def variables(name: str, folder: Path) -> dict[str, str]:
    """Return the environment variables of a server: few threads, nothing that points elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "MLFLOW"))}
    programs = f"{environment(name) / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": programs, "HOME": str(folder), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return kept | own


def inside(name: str, script: str, *arguments: str, folder: Path) -> None:
    """Run a script of `_inside` to its end with the Python of a server's environment.

    Raises:
        NotReady: it failed; the message has its last words.
    """
    done = subprocess.run(
        [str(environment(name) / "bin" / "python"), str(INSIDE / script), *arguments],
        cwd=folder,
        env=variables(name, folder),
        capture_output=True,
        timeout=180,
        check=False,
    )
    if done.returncode:
        raise NotReady(f"{script} of {name} failed: {done.stderr.decode(errors='replace')[-3000:]}")


def launch(
    name: str,
    command: Sequence[str],
    *,
    folder: Path,
    port: int,
    ready: str,
    others: Mapping[str, str] | None = None,
    wait_for_others: bool = False,
    patience_s: float = 120.0,
) -> Served:
    """Start a command and return when `GET ready` on its port answers 200.

    With `wait_for_others`, the same is awaited of each address in `others`.

    Raises:
        NotReady: it ended or did not answer within `patience_s`; it is stopped then.
    """
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=variables(name, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    served = Served(name, f"http://127.0.0.1:{port}", folder, process, dict(others or {}))
    until_s = time.monotonic() + patience_s
    awaited = [served.url, *(served.others.values() if wait_for_others else ())]
    why = f"did not answer within {patience_s:g} s"
    while time.monotonic() < until_s:
        if process.poll() is not None:
            why = f"ended with status {process.returncode}"
            break
        if all(_answers(url + ready) for url in awaited):
            return served
        time.sleep(0.1)
    last_words = served.log()
    served.stop()
    raise NotReady(f"{name} {why}:\n{last_words}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
