"""Every `bash` and `python` block of the documentation runs, page by page, in its order.

A block that is not meant to run here (it installs, or takes minutes) is fenced as `sh` or `text`.
`<!-- exit 1 -->` above a fence says which exit code the block ends with, if not 0. Ports of the
loopback interface are replaced by free ones, each number by the same one in all of a page. A server
that a page starts leaves its process id in a file `*.pid`, and is ended after the page.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(
    r"^(?:<!-- exit (?P<exit>\d+) -->\n+)?```(?P<kind>bash|python)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}\b|(?<=--port )\d{4,5}\b")


def blocks(page: Path) -> list[tuple[str, str, int]]:
    found = FENCE.finditer(page.read_text("utf-8"))
    return [(m["kind"], m["code"], int(m["exit"] or 0)) for m in found]


def with_blocks() -> list[Path]:
    return [page for page in PAGES if blocks(page)]


@pytest.fixture
def with_free_ports() -> Callable[[str], str]:
    """Replaces ports; they are drawn at once, so that no two of them are the same."""
    socks = [socket.socket() for _ in range(6)]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
    free = [str(sock.getsockname()[1]) for sock in socks]
    for sock in socks:
        sock.close()
    chosen: dict[str, str] = {}

    def replaced(code: str) -> str:
        return PORT.sub(lambda m: chosen.setdefault(m[0], free[len(chosen)]), code)

    return replaced


@pytest.fixture
def servers_end(tmp_path: Path) -> Iterator[None]:
    yield
    for file in tmp_path.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)


@pytest.mark.usefixtures("servers_end")
@pytest.mark.parametrize("page", with_blocks(), ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run(page: Path, tmp_path: Path, with_free_ports: Callable[[str], str]) -> None:
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(
            map(str, (ROOT / "src", ROOT / "examples" / "plugin", tmp_path))
        ),
        "NO_COLOR": "1",
    }
    for number, (kind, code, wanted) in enumerate(blocks(page), start=1):
        program = ["bash", "-euo", "pipefail", "-c"] if kind == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, with_free_ports(code)],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == wanted, f"block {number}:\n{code}\n{done.stdout}\n{done.stderr}"


def test_there_are_blocks_to_run() -> None:
    names = {page.name for page in with_blocks()}
    assert {"README.md", "quickstart.md", "statistics.md", "add-an-attack.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
