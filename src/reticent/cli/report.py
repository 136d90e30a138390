"""`reticent report`: one record, five renderings."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reticent.cli.paths import put_text


class Format(StrEnum):
    """The renderings."""

    HTML = "html"
    MD = "md"
    SARIF = "sarif"
    JUNIT = "junit"
    JSON = "json"


def report(
    record: Annotated[Path, typer.Argument(help="The record.json of an audit or a probe.")],
    format_: Annotated[Format, typer.Option("--format", help="What to render.")] = Format.HTML,
    out: Annotated[
        Path | None, typer.Option(help="File to write; standard output if not given.")
    ] = None,
) -> None:
    """Render a record as HTML, Markdown, SARIF, JUnit or JSON: the same numbers in all."""
    from reticent.audit.save import load_any
    from reticent.report import render
    from reticent.report.places import lines_of

    found = load_any(record)
    text = render(found, format_.value, lines=lines_of(found.config_path))
    if out is None:
        typer.echo(text.encode())  # UTF-8 whatever the locale
    else:
        put_text(out, text)
        typer.echo(out)
