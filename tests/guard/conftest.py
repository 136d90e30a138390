"""Real servers that tests of the guard share."""

from pathlib import Path

import pytest
from guard.served_store import ServedStore


@pytest.fixture
def store(tmp_path: Path):
    """A Valkey server of the test's own, without files; `kill`, `start` and `pause` it."""
    with ServedStore(tmp_path / "store") as served:
        yield served
