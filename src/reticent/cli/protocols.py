"""`reticent protocols`: how model servers can be spoken to."""

from typing import Annotated, Any

import typer


def protocols(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """List the wire protocols that the guard and the auditor speak, plug-ins' too."""
    import inspect
    import json

    from reticent.cli.extras import needs_guard

    needs_guard()
    from reticent.protocols import protocol_kinds

    listed: list[dict[str, Any]] = [
        {
            "protocol": kind,
            "tasks": list(protocol.tasks),
            "what": (inspect.getdoc(protocol) or "").split("\n")[0],
        }
        for kind, protocol in protocol_kinds().items()
    ]
    if as_json:
        typer.echo(json.dumps(listed, indent=2))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("protocol", "tasks", "what", box=None, pad_edge=False)
    for each in listed:
        table.add_row(each["protocol"], ", ".join(each["tasks"]), escape(each["what"]))
    Console().print(table)
