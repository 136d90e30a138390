"""The leaky server and a guard before it, each a process of its own."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from reticent.cli.guard_demo import Demo, model_server, prepare

PROGRAM = [sys.executable, "-c", "import sys; from reticent.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Leaky:
    url: str
    sample: Path


@dataclass(frozen=True)
class Guarded:
    url: str
    demo: Demo
    config: Path
    process: "subprocess.Popen[bytes]"


@pytest.fixture(scope="session")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaky]:
    sample = tmp_path_factory.mktemp("leaky") / "sample.csv"
    with model_server(sample, port=0) as url:
        yield Leaky(url, sample)


@pytest.fixture(scope="session")
def guarded(leaky: Leaky, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The demonstration's guard, with an allowance that lets the probe come to its conclusions."""
    with guard_process(leaky, tmp_path_factory.mktemp("guarded")) as guard:
        yield guard


@contextmanager
def guard_process(leaky: Leaky, out: Path, *, open_policies: bool = False) -> Iterator[Guarded]:
    """Run the demonstration's guard; with open policies it passes on what the model says."""
    (out / "sample.csv").write_bytes(leaky.sample.read_bytes())
    demo = prepare(out, leaky.url, ports=(0, 0))
    config = out / "reticent.toml"
    text = config.read_text("utf-8")
    wider = 'sensitivity = "sensitive"\nlimits = { identity = { burst_rows = 190 } }'
    lines = [wider if line.startswith("sensitivity") else line for line in text.splitlines()]
    if open_policies:
        lines = [line for line in lines if not line.startswith("  { kind =")]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    url = f"http://{demo.file.guard.listen}"
    environ = {k: v for k, v in os.environ.items() if k != "FORCE_COLOR"}
    with (out / "guard.log").open("wb") as log:
        process = subprocess.Popen(
            [*PROGRAM, "guard", str(config)], env=environ, stdout=subprocess.DEVNULL, stderr=log
        )
    try:
        for _ in range(600):
            assert process.poll() is None, (out / "guard.log").read_text("utf-8")
            try:
                urllib.request.urlopen(url, timeout=5)
            except urllib.error.HTTPError as answered:
                answered.close()
                break
            except OSError:
                time.sleep(0.05)
        yield Guarded(url, demo, config, process)
    finally:
        process.terminate()
        process.wait(30)
