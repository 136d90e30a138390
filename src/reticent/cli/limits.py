"""`reticent limits`: what callers have spent, and going on without a guard that is lost."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from reticent.guard.limits.looking import Spent

Config = Annotated[Path, typer.Argument(help="The reticent.toml of the guard.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def show(
    config: Config,
    identity: Annotated[str, typer.Option(help="Whose, by name, as keys and tokens have it.")],
    tenant: Annotated[str, typer.Option(help="The identity's tenant.")] = "default",
    as_json: AsJson = False,
) -> None:
    """Show what an identity has spent of its rows, model by model.

    With a shared store, at any time; otherwise while the guard is stopped: one that runs shows it
    on its dashboard.
    """
    import asyncio
    import os
    import time

    from reticent.cli.extras import needs_guard

    needs_guard()
    from reticent.config import load_guard
    from reticent.guard.limits.looking import spent_by
    from reticent.guard.secrets import read_secret

    file = load_guard(config)
    found = asyncio.run(
        spent_by(
            file,
            tenant=tenant,
            identity=identity,
            secret=read_secret(file, os.environ),
            clock=time.time,
        )
    )
    if as_json:
        typer.echo(json.dumps([_row(each) for each in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in ("model", "burst in use", "in flight", "rows ever", "rolling"):
        table.add_column(name, overflow="fold")
    for each in found:
        scope = each.scope
        table.add_row(
            each.model,
            f"{math.ceil(each.rate_rows)} of {scope.burst_rows}" if scope.rows_per_minute else "-",
            _of(each.concurrent, scope.concurrent),
            _of(each.lifetime_rows, scope.lifetime_rows),
            "\n".join(f"{_of(rows, most)} in {d:g} d" for rows, most, d in each.rolling_rows),
        )
    Console(highlight=False, markup=False).print(table)


def accept_loss(config: Config, as_json: AsJson = False) -> None:
    """Go on without guards that are gone for good, after the shared store has forgotten.

    A store that forgot stays shut until every guard that ever joined has told it what was spent.
    What only the guards given up knew is lost: at most what they were the last to book.
    """
    import asyncio
    import os
    import time

    from reticent.cli.extras import needs_guard

    needs_guard()
    from reticent.config import load_guard
    from reticent.guard.limits.looking import accept_loss as accepted
    from reticent.guard.secrets import read_secret

    file = load_guard(config)
    secret = read_secret(file, os.environ)
    gone = asyncio.run(accepted(file, secret=secret, clock=time.time))
    if as_json:
        typer.echo(json.dumps({"given_up": list(gone)}))
    elif gone:
        typer.echo(f"Given up: {', '.join(gone)}. The other guards go on within two seconds.")
    else:
        typer.echo("No guard is missing; nothing was given up.")


def limits() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(
        name="limits",
        help="Show what callers have spent; go on without a guard that is lost.",
        no_args_is_help=True,
    )
    group.command("show")(show)
    group.command("accept-loss")(accept_loss)
    return group


def _row(each: "Spent") -> dict[str, Any]:
    scope = each.scope
    return {
        "model": each.model,
        "burst_rows_in_use": round(each.rate_rows, 3),
        "burst_rows": scope.burst_rows if scope.rows_per_minute else None,
        "in_flight": int(each.concurrent),
        "concurrent": scope.concurrent,
        "lifetime_rows_spent": int(each.lifetime_rows),
        "lifetime_rows": scope.lifetime_rows,
        "rolling": [
            {"rows_spent": None if math.isnan(spent) else int(spent), "rows": rows, "days": days}
            for spent, rows, days in each.rolling_rows
        ],
    }


def _of(used: float, most: int | None) -> str:
    said = "?" if math.isnan(used) else f"{used:.0f}"
    return said if most is None else f"{said} of {most}"
