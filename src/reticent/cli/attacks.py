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
    from rich.table import Table

    table = Table("attack", "after", "works through any of", "also needs", "cost", "source")
    for row in rows:
        table.add_row(
            row["name"],
            row["family"],
            ", ".join(row["accepts"]),
            ", ".join(row["wants"]),
            row["cost"],
            row["source"],
        )
    Console().print(table)
