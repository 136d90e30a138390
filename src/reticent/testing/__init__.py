"""Planted leaks of known size, and the conformance tests that every plug-in can run."""

from reticent.testing.planted import Planted, plant_membership
from reticent.testing.planted_models import plant_artefact, plant_extraction, plant_tree
from reticent.testing.planted_people import plant_attribute, plant_record
from reticent.testing.planted_range import plant_range

__all__ = [
    "Planted",
    "plant_artefact",
    "plant_attribute",
    "plant_extraction",
    "plant_membership",
    "plant_range",
    "plant_record",
    "plant_tree",
]
