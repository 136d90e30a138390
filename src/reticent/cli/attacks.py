"""`reticent attacks`: the shelf."""

from typing import Annotated

import typer


def attacks(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """List the attacks: access needed, cost, source."""
    import json

    from reticent.cli.shelf import shelf

    rows = shelf()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return

    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    console = Console(highlight=False)
    family = ""
    for row in rows:
        if row["family"] != family:
            family = row["family"]
            console.print(f"\n{family}", style="bold underline")
        console.print(f"  {row['name']}", style="bold")
        facts = Table.grid(padding=(0, 2))
        facts.add_column(no_wrap=True)
        facts.add_column(overflow="fold")
        facts.add_row("through", " or ".join(row["accepts"]) or "no model: a baseline")
        if row["wants"]:
            facts.add_row("with", ", ".join(row["wants"]))
        facts.add_row("cost", row["cost"])
        facts.add_row("source", row["source"])
        console.print(Padding(facts, (0, 0, 0, 4)))
