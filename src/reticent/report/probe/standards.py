"""Which entry of which standard a check bears on: data, in `mappings/*.toml`."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from reticent.audit.probe_record import ProbeCheck, ProbeRecord


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a standard.

    Attributes:
        id: as the standard numbers it.
        title: as the standard calls it.
        checks: ids of the checks that bear on it.
    """

    id: str
    title: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standard:
    """One edition of one standard.

    Attributes:
        id: short name.
        name: full name.
        edition: which edition the rows are of.
        source: where to read it.
        checked: when the rows were last held against it.
        basis: what they were held against.
        rows: its entries.
    """

    id: str
    name: str
    edition: str
    source: str
    checked: date
    basis: str
    rows: tuple[Row, ...]


@cache
def standards() -> tuple[Standard, ...]:
    """Return every mapping table, in the order of their file names."""
    folder = files("reticent.report.probe") / "mappings"
    tables = sorted(folder.iterdir(), key=lambda file: file.name)
    found = []
    for file in tables:
        if file.name.endswith(".toml"):
            table = tomllib.loads(file.read_text("utf-8"))
            rows = tuple(Row(r["id"], r["title"], tuple(r["checks"])) for r in table["rows"])
            found.append(Standard(**(table | {"rows": rows})))
    return tuple(found)


def rows_of(check: str) -> list[tuple[Standard, Row]]:
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
