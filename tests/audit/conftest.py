"""One small real audit that several files look at."""

from datetime import UTC, datetime

import pytest
from audit.models import experiment

from reticent.audit.run import run_audit


@pytest.fixture(scope="session")
def small_audit(tmp_path_factory):
    """Return (experiment, record, folder) of a forest that knows its members by heart."""
    out = tmp_path_factory.mktemp("small")
    subject = experiment(memorises=True, members=200, attacks=("loss", "map"))
    return subject, run_audit(subject, out=out, now=lambda: datetime(2026, 3, 1, tzinfo=UTC)), out
