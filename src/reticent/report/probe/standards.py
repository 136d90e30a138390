"""Which entry of which standard a check bears on: data, in `mappings/*.toml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from reticent.audit.probe_record import ProbeCheck, ProbeRecord
from reticent.report.standards import Standard, read_standards


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a standard.

    Attributes:
        id: as the standard numbers it.
        title: as the standard calls it.
        checks: ids of the checks that bear on it.
        note: how we read it, where that is not plain.
    """

    id: str
    title: str
    checks: tuple[str, ...]
    note: str = ""


@cache
def standards() -> tuple[Standard[Row], ...]:
    """Return every mapping table, in the order of their file names."""
    return read_standards(
        "reticent.report.probe", lambda row: Row(row["id"], row["title"], tuple(row["checks"]))
    )


def rows_of(check: str) -> list[tuple[Standard[Row], Row]]:
    """Return every entry that a check bears on."""
    return [(s, row) for s in standards() for row in s.rows if check in row.checks]


def evidence(record: ProbeRecord, row: Row) -> tuple[str, Sequence[ProbeCheck]]:
    """Return "executed", "inconclusive" or "not run" for an entry, and the checks behind it."""
    ours = [check for check in record.checks if check.id in row.checks]
    told = [check for check in ours if check.outcome in ("found", "not found")]
    if told:
        return "executed", told
    unsure = [check for check in ours if check.outcome == "inconclusive"]
    return ("inconclusive", unsure) if unsure else ("not run", ())


def says(checks: Sequence[ProbeCheck]) -> str:
    """Return what the checks behind an entry came to, in a few words."""
    if not checks:
        return "no evidence"
    return ", ".join(f"{check.id} {check.outcome}" for check in checks)
