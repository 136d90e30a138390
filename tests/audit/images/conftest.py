import pytest
from audit.images.digits import experiment

from reticent.audit.images.experiment import ImageExperiment
from reticent.audit.images.judges import network


@pytest.fixture(autouse=True)
def quick_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the network learn from fewer copies: digits are easy."""
    monkeypatch.setattr(network, "_SAMPLES", 800)


@pytest.fixture
def digits() -> ImageExperiment:
    """Return the audit of a model of handwritten digits."""
    return experiment()
