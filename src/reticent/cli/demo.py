"""`reticent demo`: a real model on real people's records, from nothing to a report."""

from pathlib import Path
from typing import Annotated

import typer

from reticent.cli.exits import ExitCode
from reticent.cli.paths import OUT


def demo(
    out: Annotated[Path, typer.Option(help="Directory for everything.")] = OUT / "demo",
    jobs: Annotated[int, typer.Option(min=1, help="Processes to work with.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from what an earlier run left in --out.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTACK", help="Run only this attack; may be given several times."),
    ] = None,
) -> None:
    """Build a real model on real records, and audit it.

    The records are 6,366 women's answers about their marriages (Fair, 1978), which come with
    statsmodels. The model says how happy a marriage is; the sensitive column is whether the
    woman had an affair. Writes the model, the data, a reticent.toml and all reports; the last
    line is the path of the HTML report.

    Exit codes: 0 if the audit is valid, whatever it found, and 3 if a control failed.
    """
    from reticent.cli.example import build
    from reticent.cli.measuring import Wish, again, measure
    from reticent.cli.summary import print_summary

    config = build(out, seed=1978)
    typer.echo(f"Model, data and configuration: {config.parent}", err=True)
    wish = Wish(config=config, out=out, jobs=jobs, resume=resume, only=only or [])
    record = measure(wish, again=again("demo", wish))
    print_summary(record, out)
    if record.verdict == "invalid":
        raise typer.Exit(ExitCode.CONTROL_FAILED)
