"""`reticent probe`: what a stranger gets from a live endpoint."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reticent.cli.paths import OUT

if TYPE_CHECKING:
    from reticent.audit.probe_record import ProbeRecord
    from reticent.probe import Hints


def probe(
    url: Annotated[str, typer.Argument(help="Scheme, host and port of the server.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Name of a model on the wire; may be repeated.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Try only this protocol; may be repeated. Default: all that there are."),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Input names in the model's order, joined by commas.")
    ] = None,
    row_shape: Annotated[
        str | None, typer.Option(help="Shape of one row of a plain array, e.g. 30 or 28x28.")
    ] = None,
    sample: Annotated[
        Path | None, typer.Option(help="CSV file of inputs to ask about; made up if not given.")
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option(help="Environment variable that holds a key: what does its holder get?"),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="The guard's reticent.toml: a live route that it lacks is a finding."),
    ] = None,
    i_am_allowed: Annotated[
        str | None,
        typer.Option(
            "--i-am-allowed",
            metavar="HOST",
            help="Say that you may test this host, which is not on the loopback interface.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Directory for the results.")] = OUT / "probe",
    most_requests: Annotated[
        int, typer.Option(min=1, max=5000, help="Requests to send at most, in all.")
    ] = 800,
    most_s: Annotated[
        float, typer.Option(min=1, max=86_400, help="Seconds to take at most, in all.")
    ] = 300.0,
    wait_s: Annotated[
        float,
        typer.Option(min=0, max=86_400, help="Seconds, in all, to wait where a limit asks for it."),
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of rows and orders.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors and --json.")
    ] = False,
) -> None:
    """Find from outside what a live endpoint gives away.

    Asks as any caller could: no exploit, at most 200 questions in a row, nothing that changes
    anything. Writes record.json, report.html, report.md, report.sarif and junit.xml into --out.

    Exit codes: 0 nothing found, 1 finding, 2 inconclusive, 4 bad input, 130 stopped with Ctrl-C
    (what had been found by then is written).
    """
    import os
    from datetime import UTC, datetime

    from reticent.cli.exits import ExitCode
    from reticent.cli.extras import needs_http
    from reticent.cli.progress import listener

    needs_http()
    from reticent.core import BadInput
    from reticent.probe import Client, Hints, allowed_place, read_sample, run_probe

    if key_env is not None and not os.environ.get(key_env):
        raise BadInput(
            f"The environment variable {key_env} is not set.",
            way_out=f"Set it to the key, or leave --key-env {key_env} out.",
        )
    hints = Hints(
        models=tuple(model or ()),
        protocols=tuple(protocol or ()),
        columns=tuple(c.strip() for c in columns.split(",")) if columns else (),
        row_shape=_shape(row_shape) if row_shape else (),
        sample=None if sample is None else read_sample(sample),
    )
    if against is not None:
        hints = _against(hints, against)
    client = Client(
        place=allowed_place(url, allowed=i_am_allowed),
        key=os.environ[key_env] if key_env else "",
        most_requests=most_requests,
        most_s=most_s,
        wait_s=wait_s,
    )
    try:
        with listener(quiet=quiet or as_json) as listen:
            record = run_probe(
                client, hints, seed=seed, now=lambda: datetime.now(UTC), listen=listen
            )
    finally:
        client.close()
    _write(record, out)
    if as_json:
        from reticent.audit.probe_record import probe_to_json

        typer.echo(probe_to_json(record), nl=False)
    elif not quiet:
        _show(record, out)
    raise typer.Exit(record.exit_code if record.run.complete else ExitCode.STOPPED)


def _against(hints: "Hints", path: Path) -> "Hints":
    from dataclasses import replace

    from reticent.config import load_guard

    return replace(hints, against=load_guard(path))


def _shape(text: str) -> tuple[int, ...]:
    from reticent.core import BadInput

    parts = text.lower().split("x")
    if not all(p.isascii() and p.isdigit() and 1 <= int(p) <= 100_000 for p in parts):
        raise BadInput(
            f"--row-shape is {text!r}; it must be sizes joined by x.", way_out="Such as 28x28."
        )
    return tuple(map(int, parts))


def _write(record: "ProbeRecord", out: Path) -> None:
    from reticent.cli.measuring import FILES
    from reticent.cli.paths import put_text
    from reticent.core import BadInput
    from reticent.report import render
    from reticent.report.places import lines_of

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"Cannot write into {out}: {error.strerror or error}.", way_out="Choose another --out."
        ) from error
    lines = lines_of(record.config_path)
    for kind, name in {"json": "record.json", **FILES}.items():
        put_text(out / name, render(record, kind, lines=lines))


def _show(record: "ProbeRecord", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from reticent.cli.measuring import FILES
    from reticent.report import format as fmt
    from reticent.report.probe.summary import headline, in_order

    console = Console(highlight=False, markup=False)
    console.print(headline(record), style="bold")
    table = Table("outcome", "check", "why", "requests")
    for check in in_order(record.checks):
        why = fmt.one_line(check.why) + (f" {check.way_out}" if check.way_out else "")
        table.add_row(check.outcome, check.id, why, f"{check.requests:,}")
    console.print(table)
    console.print(fmt.one_line(record.statement))
    console.file.write(f"\n{out / FILES['html']}\n")
