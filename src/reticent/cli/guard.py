"""`reticent guard`: enforce the audited policy in front of a live endpoint."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reticent.guard.assemble import Parts


def guard(
    config: Annotated[
        Path | None, typer.Argument(help="The reticent.toml with [guard] tables.")
    ] = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Bring up a real model server, and a guard before it, to look at."
        ),
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="With --demo: do not open the dashboard.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read the configuration, say what it means, and end.")
    ] = False,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the callers' routes as OpenAPI, and end.")
    ] = False,
    password: Annotated[
        bool, typer.Option("--password", help="Print the operators' password, and end.")
    ] = False,
    token: Annotated[
        bool,
        typer.Option("--metrics-token", help="Print the token that /metrics asks for, and end."),
    ] = False,
) -> None:
    """Enforce the audited policy in front of model servers.

    Every caller must prove who they are; every answer goes through the policy that
    `reticent audit` measured, and is journalled. SIGHUP reads the configuration again, SIGTERM
    ends the guard when the answers under way are given. Keys: `reticent keys`.
    """
    from reticent.cli.extras import needs_guard

    needs_guard()
    if demo:
        from reticent.cli.guard_demo import run_demo

        run_demo(browser=not no_browser)
        return
    from reticent.config import load_guard
    from reticent.core import BadInput

    if config is None:
        raise BadInput(
            "No configuration was named.",
            way_out="reticent guard reticent.toml, or reticent guard --demo to look at one.",
        )
    file = load_guard(config)
    if password or token:
        import os

        from reticent.guard.admin.session import metrics_token, operator_password
        from reticent.guard.secrets import read_secret

        secret = read_secret(file, os.environ)
        typer.echo(operator_password(secret) if password else metrics_token(secret))
        return
    from reticent.guard.describe import described

    if check:
        typer.echo(described(file))
        return
    if openapi:
        from reticent.guard.openapi import describe_openapi

        typer.echo(json.dumps(describe_openapi(file), indent=2))
        return
    from reticent.guard.logs import write_json_lines
    from reticent.guard.serve import run

    write_json_lines()
    run(file, ready=_say)


def _say(parts: "Parts", callers: str, admin: str) -> None:
    models = ", ".join(sorted({gate.model for gate in parts.pipeline.all_gates}))
    typer.echo(f"Guarding {models} on {callers}; operators: {admin}/dashboard", err=True)
