"""The record itself, as it is kept on disk."""

from reticent.audit.probe_record import ProbeRecord, probe_to_json


def render(record: ProbeRecord) -> str:
    """Return the record's canonical JSON."""
    return probe_to_json(record)
