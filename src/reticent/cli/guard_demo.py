"""`reticent guard --demo`: a model server that gives everything away, and a guard before it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from reticent.cli.paths import OUT

if TYPE_CHECKING:
    from reticent.config import GuardFile
    from reticent.guard.assemble import Parts

MODEL = "tumour"
WRITER = "reference-writer"
IDENTITY = "demonstration"
SAMPLE = "sample.csv"
KEY_LASTS_S = 86_400.0
PATIENCE_S = 120.0

CONFIG = """\
# The demonstration of the guard, written anew by each `reticent guard --demo`.
# docs/configuration.md describes every setting.

[[policy]]                       # the best class alone, two digits, and always the same time
name = "careful"
defences = [
  {{ kind = "top_k", k = 1 }},
  {{ kind = "round", digits = 2 }},
  {{ kind = "pad_time", grid_ms = 100 }},
]

[[policy]]                       # the text without the probabilities of its words
name = "text-alone"
defences = [
  {{ kind = "withhold", channels = ["scores"] }},
  {{ kind = "bucket_usage", tokens = 16 }},
  {{ kind = "pad_time", grid_ms = 100 }},
]

[guard]
listen = "127.0.0.1:{listen}"
admin = "127.0.0.1:{admin}"

[[guard.endpoint]]               # embeddings and explanations have no endpoint: nobody reaches them
model = "{model}"
owner = "Demonstration team"
protocol = "open-inference"
upstream = "{upstream}"
policy = "careful"
sensitivity = "sensitive"        # 6 rows a minute, 12 at once
inputs = [
{inputs}
]

[[guard.endpoint]]
model = "{writer}"
owner = "Demonstration team"
protocol = "openai-chat"
upstream = "{upstream}"
task = "text"
policy = "text-alone"
sensitivity = "sensitive"
settings = {{ most_tokens = 32 }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A demonstration, ready to be started.

    Attributes:
        file: the guard's configuration.
        upstream: the model server's address.
        key: of a caller.
        question: the body of a question that both answer.
    """

    file: "GuardFile"
    upstream: str
    key: str
    question: str

    def lines(self, callers: str) -> tuple[str, str]:
        """Return two commands: one straight to the model server, one through the guard."""
        path = f"/v2/models/{MODEL}/infer"
        asking = f"-H 'Content-Type: application/json' -d '{self.question}'"
        return (
            f"curl -s {self.upstream}{path} {asking}",
            f"curl -s {callers}{path} -H 'Authorization: Bearer {self.key}' {asking}",
        )


def run_demo(*, browser: bool = True, out: Path = OUT / "guard-demo") -> None:
    """Serve both until Ctrl-C.

    Args:
        browser: open the dashboard in one, if there is one to be seen.
        out: folder for the configuration and the guard's state.

    Raises: BadInput if a guard runs in that folder already, if the model server does not come up,
        or if a port cannot be had.
    """
    from reticent.guard.serve import run

    with alone_in(out):
        typer.echo("Fitting the models to guard ...", err=True)
        with model_server(out / SAMPLE) as upstream, suppress(KeyboardInterrupt):
            demo = prepare(out, upstream)

            def ready(parts: "Parts", callers: str, admin: str) -> None:
                _say(demo, parts.secret, callers, admin, out)
                if browser and has_display(os.environ, sys.platform):
                    _open(f"{admin}/dashboard")

            run(demo.file, ready=ready)
    typer.echo("Stopped: the guard and the model server.", err=True)


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Keep other demonstrations out of a folder, as long as this process lives at most.

    What lies there is another one's while that runs, so this comes before anything is written.

    Raises: BadInput if another demonstration or guard runs there.
    """
    import sqlite3

    from reticent.core import BadInput
    from reticent.guard.journal.open import JOURNAL_FILE
    from reticent.guard.journal.sqlite import GUARD, SqliteStore
    from reticent.guard.journal.store import StoreAway

    out.mkdir(parents=True, exist_ok=True)
    place = out / "demo.lock"
    place.touch()
    with closing(sqlite3.connect(place, timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("PRAGMA journal_mode = MEMORY")  # no file beside the lock
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise BadInput(f"{out}: nothing can be written there ({error}).") from error
            raise BadInput(
                f"{out}: a demonstration of the guard is running there.",
                way_out="Stop that one first, or start this one from another folder.",
            ) from error
        journal = out / "guard-state" / JOURNAL_FILE
        if journal.is_file():  # also of a guard that somebody started from the demonstration's file
            # What else may be the matter with it, the guard itself says.
            with closing(SqliteStore(journal)) as store, suppress(StoreAway):
                store.open(GUARD)
        yield


@contextmanager
def model_server(sample: Path, *, port: int = 9000) -> Iterator[str]:
    """Run the leaky model server as a child process; gives its address.

    Args:
        sample: where it writes rows to ask about.
        port: the wanted one; another is taken where it is not free.

    Raises: BadInput if it does not come up.
    """
    port = free_port(port)
    command = [sys.executable, "-m", "reticent.testing.leaky_server", "--end-with-stdin"]
    child = subprocess.Popen(
        [*command, "--port", str(port), "--sample", str(sample)],
        stdin=subprocess.PIPE,  # it ends when this is closed, also where we are killed
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us: the guard drains before its model goes
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(child, url)
        yield url
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()


def prepare(out: Path, upstream: str, *, ports: tuple[int, int] = (8080, 8081)) -> Demo:
    """Write the configuration, and issue a key.

    What the configuration declares of the inputs is what the model server tells any stranger.

    Args:
        out: the folder with the sample; the configuration and the guard's state go there, too.
        upstream: the model server's address.
        ports: wanted for callers and for operators; others are taken where they are not free.

    Raises: BadInput.
    """
    from reticent.config import load_guard
    from reticent.guard.identity import open_key_changes
    from reticent.guard.secrets import read_secret
    from reticent.guard.types import EVERY_MODEL

    told = _get(f"{upstream}/v2/models/{MODEL}")["parameters"]
    listen = free_port(ports[0])
    path = out / "reticent.toml"
    path.write_text(
        CONFIG.format(
            listen=listen,
            admin=free_port(ports[1], but=listen),
            model=MODEL,
            writer=WRITER,
            upstream=upstream,
            inputs="\n".join(
                f'  {{ name = "{name}", low = 0.0, high = {2 * greatest:.6g} }},'
                for name, greatest in zip(told["columns"], told["greatest"], strict=True)
            ),
        ),
        encoding="utf-8",
    )
    file = load_guard(path)
    secret = read_secret(file, os.environ)
    changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
    try:
        issued = changes.issue(
            tenant="default", identity=IDENTITY, models=(EVERY_MODEL,), lifetime_s=KEY_LASTS_S
        )
    finally:
        changes.close()
    return Demo(
        file=file,
        upstream=upstream,
        key=issued.key.text,
        question=_question((out / SAMPLE).read_text("utf-8").splitlines()[1]),
    )


def has_display(environ: Mapping[str, str], platform: str) -> bool:
    """Return whether somebody would see a browser: not in CI, nor without a display.

    >>> has_display({"CI": "true", "DISPLAY": ":0"}, "linux"), has_display({}, "linux")
    (False, False)
    >>> has_display({"DISPLAY": ":0"}, "linux"), has_display({}, "darwin")
    (True, True)
    """
    if environ.get("CI"):
        return False
    seen = bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
    return seen or platform in ("darwin", "win32")


def free_port(wanted: int, *, but: int = 0) -> int:
    """Return a port of the loopback interface that nothing listens on: the wanted one, or any."""
    for port in (wanted, 0):
        with socket.socket() as sock, suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            found = int(sock.getsockname()[1])
            if found != but:
                return found
    return free_port(0, but=but)


def _wait_for(child: "subprocess.Popen[bytes]", url: str) -> None:
    from reticent.core import BadInput

    for _ in range(int(PATIENCE_S / 0.1)):
        if child.poll() is not None:
            break
        with suppress(OSError):
            _get(f"{url}/v2")
            return
        time.sleep(0.1)
    raise BadInput(
        f"The demonstration's model server did not come up (exit code {child.poll()}).",
        way_out="Run it alone to see why: python -m reticent.testing.leaky_server",
    )


def _get(url: str) -> Any:
    from urllib.request import urlopen

    with urlopen(url, timeout=10) as reply:
        return json.load(reply)


def _question(line: str) -> str:
    cells = [float(cell) for cell in line.split(",")]
    tensor = {"name": "x", "shape": [1, len(cells)], "datatype": "FP64", "data": cells}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":"))


def _say(demo: Demo, secret: bytes, callers: str, admin: str, out: Path) -> None:
    from reticent.guard.admin.session import operator_password

    straight, guarded = demo.lines(callers)
    typer.echo(
        f"Straight to the model server, which answers anybody in full:\n\n  {straight}\n\n"
        f"Through the guard, with a key, 12 times at once and 6 times a minute:\n\n  {guarded}\n\n"
        f"Dashboard: {admin}/dashboard\nPassword:  {operator_password(secret)}\n\n"
        f"What does a stranger get? reticent probe {demo.upstream} --sample {out / SAMPLE}\n"
        f"And through the guard?    reticent probe {callers} --against {out / 'reticent.toml'}\n\n"
        "Ctrl-C ends both."
    )
    sys.stdout.flush()


def _open(url: str) -> None:
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
