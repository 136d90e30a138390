"""Every mutant turns its tests red; the unbroken copy leaves them green."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mutation.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
FAILED = 1  # pytest's own code: tests ran, and some failed; anything else proves nothing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the package to where breaking it harms nobody, and see that its tests pass there."""
    package = tmp_path_factory.mktemp("mutants") / "reticent"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "reticent", package, ignore=leave)
    killers = sorted({test for mutant in MUTANTS for test in mutant.killers})
    green = run(package, killers)
    assert green.returncode == 0, f"red before anything was broken:\n{green.stdout[-3000:]}"
    return package


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_killed(mutant: Mutant, copy: Path) -> None:
    path = copy / mutant.file
    whole = path.read_text(encoding="utf-8")
    assert whole.count(mutant.old) == 1, (
        f"{mutant.file} holds the text to break {whole.count(mutant.old)} times, not once; "
        "bring the mutant up to date."
    )
    path.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        red = run(copy, list(mutant.killers))
    finally:
        path.write_text(whole, encoding="utf-8")
    assert red.returncode == FAILED, f"{mutant.name} survived:\n{red.stdout[-3000:]}"
    for test in mutant.killers:
        assert f"FAILED {test}" in red.stdout, f"{test} did not see it:\n{red.stdout[-3000:]}"


def run(package: Path, tests: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run tests against the copy of the package, and prove that it was the copy."""
    where = str(package.parent)
    # The settings put the real package first; here the copy comes first.
    command = [sys.executable, "-B", "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider"]
    command += ["-o", f"pythonpath={where} tests", "-p", "mutation.only_the_copy", *tests]
    paths = os.pathsep.join([where, str(ROOT / "tests")])
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "RETICENT_COPY": where,
    }
    return subprocess.run(  # our own interpreter and our own tests
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
