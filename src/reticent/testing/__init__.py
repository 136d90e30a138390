"""Planted leaks of known size, and the conformance tests that every plug-in can run."""

from reticent.testing.cases import Case, cases_for
from reticent.testing.conformance import ATTACK_CHECKS, NotConforming
from reticent.testing.conformance_defence import DEFENCE_CHECKS, examples_of
from reticent.testing.conformance_protocol import PROTOCOL_CHECKS
from reticent.testing.conformance_text import TEXT_ATTACK_CHECKS
from reticent.testing.planted import Planted, plant_membership
from reticent.testing.planted_images import plant_images, plant_template
from reticent.testing.planted_models import plant_artefact, plant_extraction, plant_tree
from reticent.testing.planted_people import plant_attribute, plant_record
from reticent.testing.planted_range import plant_range
from reticent.testing.planted_texts import plant_texts
from reticent.testing.protocol_cases import Spoken, spoken
from reticent.testing.surprise import chances, right_guesses

__all__ = [
    "ATTACK_CHECKS",
    "DEFENCE_CHECKS",
    "PROTOCOL_CHECKS",
    "TEXT_ATTACK_CHECKS",
    "Case",
    "NotConforming",
    "Planted",
    "Spoken",
    "cases_for",
    "chances",
    "examples_of",
    "plant_artefact",
    "plant_attribute",
    "plant_extraction",
    "plant_images",
    "plant_membership",
    "plant_range",
    "plant_record",
    "plant_template",
    "plant_texts",
    "plant_tree",
    "right_guesses",
    "spoken",
]
