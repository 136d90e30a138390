"""Which entry of which standard has which executed cells behind it.

The standards are data (`mappings/*.toml`: id, edition, source, date checked). A row without an
executed cell has no evidence, and says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from reticent.audit.record import Cell, Record
from reticent.report.ranking import severity
from reticent.report.standards import Standard, read_standards

Status = Literal["executed", "inconclusive", "not run"]


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a standard.

    Attributes:
        id: as the standard numbers it.
        title: as the standard calls it.
        families: the families of attacks that bear on it.
        accesses: the access that it presupposes; empty for any.
        note: how we read it, where that is not plain.
    """

    id: str
    title: str
    families: tuple[str, ...]
    accesses: tuple[str, ...] = ()
    note: str = ""

    def covers(self, cell: Cell) -> bool:
        """Return whether a cell bears on this entry."""
        return cell.family in self.families and (not self.accesses or cell.access in self.accesses)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a record holds for one entry.

    Attributes:
        row: the entry.
        status: "executed" if a cell came to a verdict, "inconclusive" if cells ran and none did.
        cells: the cells behind the status, the worst first; none if it was not run.
    """

    row: Row
    status: Status
    cells: tuple[Cell, ...]

    @property
    def found(self) -> str:
        """What the cells say, in a few words; "no evidence" without cells."""
        if not self.cells:
            return "no evidence"
        findings = sum(cell.verdict == "finding" for cell in self.cells)
        return f"{findings:,} findings in {len(self.cells):,} cells"


@cache
def standards() -> tuple[Standard[Row], ...]:
    """Return every mapping table, in the order of their file names."""
    return read_standards("reticent.report", _row)


def _row(table: Mapping[str, Any]) -> Row:
    return Row(
        table["id"],
        table["title"],
        tuple(table["families"]),
        tuple(table.get("accesses", ())),
        table.get("note", ""),
    )


def evidence(record: Record, standard: Standard[Row]) -> tuple[Evidence, ...]:
    """Return what a record holds for each entry of a standard."""
    return tuple(_evidence(record.cells, row) for row in standard.rows)


def _evidence(cells: Sequence[Cell], row: Row) -> Evidence:
    ran = [cell for cell in cells if row.covers(cell) and cell.verdict != "invalid"]
    told = [cell for cell in ran if cell.verdict in {"finding", "nothing found"}]
    if told:
        return Evidence(row, "executed", tuple(sorted(told, key=severity)))
    return Evidence(row, "inconclusive" if ran else "not run", tuple(ran))


def rows_of(cell: Cell) -> list[tuple[Standard[Row], Row]]:
    """Return every entry that a cell bears on."""
    return [
        (standard, row) for standard in standards() for row in standard.rows if row.covers(cell)
    ]
