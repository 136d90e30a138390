"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Learners are small and run side by side: threads inside each would only fight for the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "reticent",
    deadline=None,  # shared machines: time is measured by benchmarks, not by tests
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("reticent")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of shared data sets, or skip the test."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RETICENT_DATA", beside))
    if not (folder / "tabular").is_dir():
        pytest.skip(f"{folder} has no data sets; set RETICENT_DATA to a folder that has")
    return folder
