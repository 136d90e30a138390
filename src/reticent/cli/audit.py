"""`reticent audit`: measure what reticent.toml declares."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from reticent.cli.paths import OUT


def audit(
    config: Annotated[Path, typer.Argument(help="The reticent.toml.")],
    out: Annotated[Path, typer.Option(help="Directory for the results.")] = OUT,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Processes to work with, not the configured number."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**63 - 1, help="Use this seed, not the configured one."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from what an earlier run left in --out.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTACK", help="Run only this attack; may be given several times."),
    ] = None,
    trust_model_file: Annotated[
        bool,
        typer.Option(
            "--trust-model-file",
            help="Load a pickle or joblib file. Such a file runs any code its author put in.",
        ),
    ] = False,
    include_records: Annotated[
        bool,
        typer.Option("--include-records", help="Write sensitive values into the record."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON for a script.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors and --json.")
    ] = False,
) -> None:
    """Attack the model as reticent.toml declares.

    Writes record.json, report.html, report.md, report.sarif and junit.xml into --out.

    Exit codes: 0 nothing found at the stated power, 1 finding, 2 inconclusive, 3 a control
    failed, 4 bad input or configuration, 130 stopped with Ctrl-C (go on with --resume).
    """
    from reticent.cli.exits import is_unread
    from reticent.cli.measuring import Wish, again, measure
    from reticent.cli.summary import as_data, print_summary

    wish = Wish(
        config=config,
        out=out,
        jobs=jobs,
        seed=seed,
        resume=resume,
        only=only or [],
        trust_model_file=trust_model_file,
        include_records=include_records,
        quiet=quiet,
    )
    record = measure(wish, again=again(f"audit {shlex.quote(str(config))}", wish))
    try:
        if as_json:
            import json

            typer.echo(json.dumps(as_data(record, out), indent=2))
        elif not quiet:
            print_summary(record, out)
    except (BrokenPipeError, SystemExit) as error:
        if not is_unread(error):
            raise
    raise typer.Exit(record.exit_code)  # the verdict stands, whether or not anybody reads on
