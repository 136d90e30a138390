"""What an audit says on the terminal: the verdict, and where the leak is strongest."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reticent.cli.measuring import FILES

if TYPE_CHECKING:
    from reticent.audit.record import Cell, Figure, Record

_ORDER = {"E3": 0, "E2": 1, "E1": 2, "E?": 3, "E0": 4}


def as_data(record: "Record", out: Path) -> dict[str, Any]:
    """Return the summary for a script."""
    return {
        "verdict": record.verdict,
        "tier": record.tier,
        "exit_code": record.exit_code,
        "statement": record.statement,
        "digest": record.digest,
        "complete": record.run.complete,
        "controls_failed": [c.name for c in record.controls if not c.passed],
        "not_run": len(record.not_run),
        "cells": [
            {
                "id": cell.id,
                "tier": cell.tier,
                "verdict": cell.verdict,
                "metric": cell.primary.metric,
                "estimate": cell.primary.estimate,
                "lower": cell.primary.lower,
                "upper": cell.primary.upper,
            }
            for cell in sorted(record.cells, key=_worst_first)
        ],
        "files": {"json": str(out / "record.json")}
        | {kind: str(out / name) for kind, name in FILES.items()},
    }


def print_summary(record: "Record", out: Path, *, rows: int = 12) -> None:
    """Print the verdict, the worst cells and the path of the report, which comes last."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("tier", "cell", "measured", "interval", title=None, show_edge=False)
    worst = sorted(record.cells, key=_worst_first)
    for cell in worst[:rows]:
        figure = cell.primary
        table.add_row(cell.tier, cell.id, f"{figure.metric} {_number(figure)}", _interval(figure))
    console.print(table)
    if len(worst) > rows:
        console.print(f"and {len(worst) - rows} more cells in the report", style="dim")
    for control in record.controls:
        if not control.passed:
            console.print(f"control failed: {control.name}: {control.why}", style="bold red")
    if record.not_run:
        console.print(f"{len(record.not_run)} things were not run; the report says why.")
    console.print(f"\n{record.verdict} ({record.tier})", style="bold", highlight=False)
    console.print(record.statement, highlight=False)
    console.file.write(f"\n{out / FILES['html']}\n")


def _worst_first(cell: "Cell") -> tuple[int, float, str]:
    figure = cell.primary
    if figure.lower is None:
        return _ORDER[cell.tier], 0.0, cell.id
    return _ORDER[cell.tier], (figure.null or 0.0) - figure.lower, cell.id


def _number(figure: "Figure") -> str:
    return "no data" if figure.estimate is None else f"{figure.estimate:.3f}"


def _interval(figure: "Figure") -> str:
    if figure.lower is None or figure.upper is None:
        return ""
    return f"{figure.lower:.3f} to {figure.upper:.3f}"
