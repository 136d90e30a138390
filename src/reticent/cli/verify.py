"""`reticent verify`: is this record what an audit wrote?"""

from pathlib import Path
from typing import Annotated

import typer

from reticent.cli.exits import ExitCode


def verify(
    record: Annotated[Path, typer.Argument(help="The record.json of an audit or a probe.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Check that a record is as it was written.

    A digest shows that the record is whole. It does not show who wrote it.
    """
    import json

    from reticent.audit.save import load_any, verify as problems_of

    problems = [str(problem) for problem in problems_of(record)]
    if as_json:
        typer.echo(json.dumps({"record": str(record), "problems": problems}, indent=2))
    elif not problems:
        typer.echo(f"{record}: whole, digest {load_any(record).digest}")
    else:
        for problem in problems:
            typer.echo(f"{record}: {problem}", err=True)
    if problems:
        raise typer.Exit(ExitCode.BAD_INPUT)
