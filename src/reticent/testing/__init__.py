"""Planted leaks of known size, and the conformance tests that every plug-in can run."""

from reticent.testing.planted import Planted, plant_membership

__all__ = ["Planted", "plant_membership"]
