"""Attack x access x policy: one table a family, in every report that has room for tables."""

from dataclasses import dataclass

from reticent.audit.record import Cell, Record
from reticent.report import format as fmt, words


@dataclass(frozen=True, slots=True)
class GridRow:
    """One attack at one task.

    Attributes:
        attack: its name.
        detail: attribute, what was seen, subgroup, metric: whatever tells rows apart.
        cells: one entry for each column; empty where nothing was measured.
    """

    attack: str
    detail: str
    cells: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """All cells of one family.

    Attributes:
        family: in words.
        metrics: what the numbers are, in words.
        policies: each policy and over how many columns it reaches.
        accesses: the header of each column.
        rows: the cells.
    """

    family: str
    metrics: str
    policies: tuple[tuple[str, int], ...]
    accesses: tuple[str, ...]
    rows: tuple[GridRow, ...]


_ACCESS = ("weights", "logits", "scores", "top_k", "value", "label")


def grids(record: Record) -> list[Grid]:
    """Return a grid for each family of attacks, in the record's order."""
    return [
        _grid(record, family, [cell for cell in record.cells if cell.family == family])
        for family in dict.fromkeys(cell.family for cell in record.cells)
    ]


def _grid(record: Record, family: str, cells: list[Cell]) -> Grid:
    policies = list(
        dict.fromkeys([entry.name for entry in record.policies] + [cell.policy for cell in cells])
    )
    columns = [
        (policy, access)
        for policy in policies
        for access in sorted(
            {cell.access for cell in cells if cell.policy == policy}, key=_access_order
        )
    ]
    metrics = list(dict.fromkeys(cell.primary.metric for cell in cells))
    spots: dict[tuple[str, str], dict[tuple[str, str], list[Cell]]] = {}
    for cell in cells:
        row = (cell.attack, _detail(cell, len(metrics) > 1))
        spots.setdefault(row, {}).setdefault((cell.policy, cell.access), []).append(cell)
    return Grid(
        words.family(family),
        "; ".join(words.metric(metric) for metric in metrics),
        tuple(
            (fmt.one_line(policy), n)
            for policy in policies
            if (n := sum(column[0] == policy for column in columns))
        ),
        tuple(fmt.one_line(access) for _, access in columns),
        tuple(
            GridRow(
                fmt.one_line(attack), detail, tuple(tuple(at.get(column, ())) for column in columns)
            )
            for (attack, detail), at in spots.items()
        ),
    )


def _access_order(access: str) -> tuple[int, str]:
    return (_ACCESS.index(access) if access in _ACCESS else len(_ACCESS), access)


def _detail(cell: Cell, with_metric: bool) -> str:
    parts = [cell.attribute or "", words.seen_briefly(cell.seen, cell.family)]
    parts += [cell.subgroup] if cell.subgroup != "all" else []
    parts += [words.metric(cell.primary.metric)] if with_metric else []
    return ", ".join(fmt.one_line(part) for part in parts if part)
