"""A small real model with its data and configuration, and the command line as a real process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from skops.io import dump

Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "import sys; from reticent.cli import main; sys.exit(main())"]

CONFIG = """\
[model]
path = "model.skops"
owner = "Test team"

[data]
members = "members.csv"
non_members = "non_members.csv"
auxiliary = "auxiliary.csv"
target = "ill"

[[sensitive]]
column = "smoker"
harm = "high"

[adversary]
reference_models = 2
shadow_models = 2

[[policy]]
name = "open"

[[policy]]
name = "label"
defences = [{ kind = "hard_label" }]
"""


def people(n: int, rng: np.random.Generator) -> pd.DataFrame:
    age = rng.normal(50, 10, n).round(1)
    smoker = (rng.random(n) < 0.3).astype(int)
    dose = rng.normal(size=n).round(3)
    ill = (rng.random(n) < 1 / (1 + np.exp(3 - age / 25 - 1.5 * smoker))).astype(int)
    return pd.DataFrame({"age": age, "smoker": smoker, "dose": dose, "ill": ill})


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "RETICENT_DEBUG")}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"} | dict(extra)


@pytest.fixture(scope="session")
def run() -> Run:
    """Return a function that runs the command line as a process of its own."""

    def call(
        *arguments: object, cwd: Path, env: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model, its data and a reticent.toml. Not to be written to."""
    folder = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(3)
    members = people(160, rng)
    members.to_csv(folder / "members.csv", index=False)
    people(160, rng).to_csv(folder / "non_members.csv", index=False)
    people(300, rng).to_csv(folder / "auxiliary.csv", index=False)
    model = LogisticRegression().fit(members.drop(columns="ill"), members["ill"])
    dump(model, folder / "model.skops")
    (folder / "reticent.toml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.fixture
def here(project: Path, tmp_path: Path) -> Path:
    """Return a copy of the project that a test may spoil."""
    return Path(shutil.copytree(project, tmp_path / "here"))


@pytest.fixture(scope="session")
def audited(
    project: Path, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """Return one finished audit of the project, made with --json; see `audited_out`."""
    folder = tmp_path_factory.mktemp("audit")
    return run("audit", project / "reticent.toml", "--json", "--out", folder / "out", cwd=folder)


@pytest.fixture(scope="session")
def out(audited: subprocess.CompletedProcess[str]) -> Path:
    """Return the folder with the results of the finished audit. Not to be written to."""
    import json

    assert audited.returncode in (0, 1, 2, 3), audited.stderr
    return Path(json.loads(audited.stdout)["files"]["json"]).parent
