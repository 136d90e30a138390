"""A pytest plug-in for the mutants' runs: stops if it is not the copy that is being tested."""

import os
from pathlib import Path

import pytest

import reticent


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to test any other package than the copy."""
    there = Path(reticent.__file__).resolve()
    if not there.is_relative_to(Path(os.environ["RETICENT_COPY"]).resolve()):
        pytest.exit(f"reticent was imported from {there}, not from the copy", returncode=4)
