"""Join claims to the truth: the only place where the two meet."""

from reticent.audit.grade.artefact import grade_artefact
from reticent.audit.grade.attribute import grade_attribute
from reticent.audit.grade.base import Graded, Individuals
from reticent.audit.grade.extraction import grade_extraction
from reticent.audit.grade.membership import grade_membership
from reticent.audit.grade.record import grade_record

__all__ = [
    "Graded",
    "Individuals",
    "grade_artefact",
    "grade_attribute",
    "grade_extraction",
    "grade_membership",
    "grade_record",
]
