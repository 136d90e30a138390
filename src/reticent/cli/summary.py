"""What an audit says on the terminal: the first screen of its report, in the same words."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reticent.cli.measuring import FILES

if TYPE_CHECKING:
    from reticent.audit.record import Record


def as_data(record: "Record", out: Path) -> dict[str, Any]:
    """Return the summary for a script."""
    from reticent.report.ranking import severity

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
            for cell in sorted(record.cells, key=severity)
        ],
        "files": {"json": str(out / "record.json")}
        | {kind: str(out / name) for kind, name in FILES.items()},
    }


def print_summary(record: "Record", out: Path) -> None:
    """Print the verdict, the four answers, the policies, and last the path of the report."""
    from rich.console import Console
    from rich.table import Table

    from reticent.report import format as fmt
    from reticent.report.summary import summarise

    console = Console(highlight=False, markup=False)
    first = summarise(record)
    console.print(first.headline, style="bold")
    answers = {
        "What leaks": first.leaks,
        "To whom": first.whom,
        "How sure": first.sure,
        "What to do": first.do,
    }
    for question, sentences in answers.items():
        console.print(f"\n{question}", style="bold")
        console.print("  " + "\n  ".join(sentences))
    table = Table("policy", "worst tier", "findings", "inconclusive", "nothing found", "utility")
    for line in first.policies:
        table.add_row(
            line.entry.name,
            line.tier or "not measured",
            *(str(line.verdicts[v]) for v in ("finding", "inconclusive", "nothing found")),
            fmt.short(line.after) if line.after else "not measured",
        )
    console.print()
    console.print(table)
    if record.not_run:
        console.print(f"{len(record.not_run)} things were not run; the report says which and why.")
    console.file.write(f"\n{out / FILES['html']}\n")
