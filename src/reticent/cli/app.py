"""The commands put together, and the one place where every error ends."""

import os
import shlex
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, cast

import typer

from reticent import __version__
from reticent.cli.attacks import attacks
from reticent.cli.audit import audit
from reticent.cli.canaries import canaries
from reticent.cli.deduplicate import deduplicate
from reticent.cli.demo import demo
from reticent.cli.exits import ExitCode, complain, is_unread, let_go
from reticent.cli.explain import explain
from reticent.cli.guard import guard
from reticent.cli.index import index
from reticent.cli.init import init
from reticent.cli.journal import journal
from reticent.cli.keys import keys
from reticent.cli.limits import limits
from reticent.cli.probe import probe
from reticent.cli.protocols import protocols
from reticent.cli.report import report
from reticent.cli.schema import schema
from reticent.cli.verify import verify

COMMANDS = (
    init,
    audit,
    demo,
    report,
    verify,
    explain,
    attacks,
    schema,
    guard,
    index,
    deduplicate,
    probe,
    protocols,
)
#: Commands with commands of their own; each returns its group.
GROUPS = (keys, limits, journal, canaries)

#: Typer's error for a command line that it cannot use; it has no public name of its own.
UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reticent {__version__}")
        raise typer.Exit()


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Measure what a model reveals about the people it was trained on.

    Exit codes: 0 nothing found at the stated power, 1 finding, 2 inconclusive, 3 a control
    failed, 4 bad input or configuration, 130 stopped with Ctrl-C.
    """


def application() -> typer.Typer:
    """Return the command line, not yet run."""
    app = typer.Typer(
        name="reticent",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_root)
    for command in COMMANDS:
        app.command()(command)
    for group in GROUPS:
        app.add_typer(group())
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    command = "reticent"
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what a locale cannot show must not end an audit
            stream.reconfigure(errors="replace")
    try:
        main = typer.main.get_command(application())
        if arguments and arguments[0] in {known.__name__ for known in (*COMMANDS, *GROUPS)}:
            command = f"reticent {arguments[0]}"
        code = main(args=list(arguments), prog_name="reticent", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except UsageError as error:
        return _usage(error, arguments, command=command)
    except typer.Abort:
        sys.stderr.write("Stopped.\n")
        return ExitCode.STOPPED
    except (BrokenPipeError, SystemExit) as error:
        if is_unread(error):  # `reticent attacks | head`: the reader has had enough
            # An audit that got here was cut short: 0 would say that nothing was found.
            return ExitCode.BAD_INPUT if command == "reticent audit" else ExitCode.NOTHING_FOUND
        if command == "reticent":  # shell completion ends like this
            raise
        # Code that we called wants to exit: its exit code must not pass for ours.
        return complain(RuntimeError(f"the process was told to exit: {error}"), command=command)
    except Exception as error:
        return complain(error, command=command)
    finally:
        let_go()


def _nowhere() -> TextIOWrapper:
    """Return what takes the place of a stream that whoever started us has closed."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _usage(error: Exception, arguments: Sequence[str], *, command: str) -> ExitCode:
    said = error.format_message()  # type: ignore[attr-defined]  # Typer's own, see UsageError
    if said:
        given = shlex.join(["reticent", *arguments])
        sys.stderr.write(f"{command}: {said}\n  Given: {given}\n  What to do: {command} --help\n")
    return ExitCode.BAD_INPUT
