"""`reticent explain`: why this number."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reticent.cli.paths import OUT

if TYPE_CHECKING:
    from reticent.audit.explain import Explanation


def explain(
    cell: Annotated[str, typer.Argument(help="Id of a cell, or a part of it that names one.")],
    record: Annotated[Path, typer.Option(help="The record.json of an audit.")] = OUT
    / "record.json",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Explain one cell: formula, raw counts, steps to the verdict."""
    from reticent.audit.explain import explain as taken_apart
    from reticent.audit.save import load

    explanation = taken_apart(load(record), cell)
    if as_json:
        import json

        typer.echo(
            json.dumps(
                {
                    "cell": explanation.cell.id,
                    "steps": list(explanation.steps),
                    "figures": [f.model_dump(mode="json") for f in explanation.figures],
                },
                indent=2,
            )
        )
    else:
        _print(explanation)


def _print(explanation: "Explanation") -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    console.print(explanation.cell.id, style="bold")
    for number, step in enumerate(explanation.steps, start=1):
        console.print(f"{number}. {step}")
    for figure in explanation.figures:
        if not figure.formula and not figure.counts:
            continue
        console.print(f"\n{figure.metric}", style="bold")
        if figure.formula:
            console.print(f"  formula: {figure.formula}")
        for name, count in figure.counts.items():
            console.print(f"  {name} = {count:g}")
    if explanation.cell.source:
        console.print(f"\nSource: {explanation.cell.source}")
