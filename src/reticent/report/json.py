"""The record itself, as it is kept on disk."""

from reticent.audit.record import Record
from reticent.audit.save import to_json


def render(record: Record) -> str:
    """Return the record's canonical JSON."""
    return to_json(record)
