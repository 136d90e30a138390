"""What a stranger gets from a live endpoint, found from outside."""

from reticent.probe.checks import CHECKS
from reticent.probe.client import Client
from reticent.probe.discover import Hints
from reticent.probe.permission import allowed_place
from reticent.probe.run import ALPHA, run_probe
from reticent.probe.samples import read_sample

__all__ = ["ALPHA", "CHECKS", "Client", "Hints", "allowed_place", "read_sample", "run_probe"]
