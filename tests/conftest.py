"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from served.fixtures import kserve, llama_cpp, mlflow, mlserver, triton  # noqa: F401  # handed out
from served.table import conformance

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of each running server together, before all others."""

    def rank(item: pytest.Item) -> tuple[bool, str]:
        mark = item.get_closest_marker("served")
        return mark is None, mark.args[0] if mark else ""

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was compared with which model server, and why another was not."""
    told = conformance(terminalreporter.stats)
    if told:
        terminalreporter.section("protocols through a running guard")
        terminalreporter.write_line("\n".join(told))
