"""`reticent keys`: API keys of callers of the guard."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from reticent.config import GuardFile
    from reticent.guard.identity.key_changes import Issued, KeyChanges
    from reticent.guard.identity.key_store import KeyRecord

DAY_S = 86_400.0
HOUR_S = 3600.0

Config = Annotated[Path, typer.Argument(help="The reticent.toml of the guard.")]
KeyId = Annotated[
    str, typer.Argument(metavar="ID", help='The public part of the key, as "list" shows it.')
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def issue(
    config: Config,
    identity: Annotated[
        str, typer.Option(help="Whom the key is for; their keys share one allowance.")
    ],
    model: Annotated[
        list[str],
        typer.Option(
            help='A model that they may ask; repeat it. "*" for all of the tenant\'s, @public, '
            "@internal or @sensitive for all of a class."
        ),
    ],
    tenant: Annotated[str, typer.Option(help="Whose models they may see at all.")] = "default",
    days: Annotated[float, typer.Option(min=0.0, help="Days until it expires.")] = 90.0,
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="Let it never expire.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only a keyed hash of it is kept."""
    with _changes(config) as (file, changes):
        _declared(file, tenant, model)
        made = changes.issue(
            tenant=tenant,
            identity=identity,
            models=tuple(model),
            lifetime_s=None if no_expiry else days * DAY_S,
        )
    _show(made, as_json=as_json)


def rotate(
    config: Config,
    key_id: KeyId,
    grace_hours: Annotated[
        float, typer.Option(min=0.0, help="How long the old key works on.")
    ] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make a successor of a key and print it; the old one works on for a grace."""
    with _changes(config) as (_, changes):
        made = changes.rotate(key_id, grace_s=grace_hours * HOUR_S)
    _show(made, as_json=as_json)


def revoke(
    config: Config,
    key_id: Annotated[list[str], typer.Argument(metavar="ID...", help="Public parts of keys.")],
    as_json: AsJson = False,
) -> None:
    """End keys now; every guard refuses them within two seconds."""
    with _changes(config) as (_, changes):
        for one in key_id:
            changes.revoke(one)
            _say({"id": one, "status": "revoked"}, f"{one} is revoked.", as_json=as_json)


def expire(
    config: Config,
    key_id: KeyId,
    in_days: Annotated[float, typer.Option("--in-days", min=0.0, help="Days from now.")],
    as_json: AsJson = False,
) -> None:
    """Let a key end earlier than it would; an expiry cannot be put off."""
    import time

    at_s = time.time() + in_days * DAY_S
    with _changes(config) as (_, changes):
        changes.expire(key_id, at_s=at_s)
    _say(
        {"id": key_id, "expires": _moment(at_s)},
        f"{key_id} expires {_moment(at_s)}.",
        as_json=as_json,
    )


def list_keys(
    config: Config,
    every: Annotated[
        bool, typer.Option("--all", help="Show those that have ended, as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List keys: whom for, which models, how long. The keys themselves are nowhere kept."""
    import time

    now_s = time.time()
    with _changes(config) as (_, changes):
        rows = [_row(record, now_s) for record in changes.list()]
    rows = [row for row in rows if every or row["status"] in ("active", "rotated")]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in ("id", "tenant", "identity", "models", "status", "expires"):
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for row in rows:
        models, expires = ", ".join(row["models"]), row["expires"] or "never"
        table.add_row(row["id"], row["tenant"], row["identity"], models, row["status"], expires)
    Console(highlight=False, markup=False).print(table if rows else "There are no such keys.")


def keys() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(
        name="keys",
        help="Issue, rotate, revoke, expire and list API keys of the guard; no restart is needed.",
        no_args_is_help=True,
    )
    for command in (issue, rotate, revoke, expire):
        group.command()(command)
    group.command("list")(list_keys)
    return group


@contextmanager
def _changes(config: Path) -> "Iterator[tuple[GuardFile, KeyChanges]]":
    from reticent.cli.extras import needs_guard

    needs_guard()
    import os
    import time

    from reticent.config import load_guard
    from reticent.guard.identity import open_key_changes
    from reticent.guard.secrets import read_secret

    file = load_guard(config)
    secret = read_secret(file, os.environ)
    changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
    try:
        yield file, changes
    finally:
        changes.close()


def _declared(file: "GuardFile", tenant: str, models: list[str]) -> None:
    """Raise BadInput for a grant of what is not there: it is a typing error, or a trap later."""
    from reticent.core import BadInput
    from reticent.guard.types import CLASS_GRANTS

    known = {e.model for e in file.guard.endpoint if e.tenant == tenant}
    if not known:
        tenants = ", ".join(sorted({e.tenant for e in file.guard.endpoint}))
        raise BadInput(f"No endpoint is of tenant {tenant!r}.", way_out=f"Choose from {tenants}.")
    for model in models:
        if model not in ("*", *CLASS_GRANTS) and model not in known:
            raise BadInput(
                f"Tenant {tenant!r} has no model {model!r}.",
                way_out=f'Choose from {", ".join(sorted(known))}, or "*" for all.',
            )


def _show(made: "Issued", *, as_json: bool) -> None:
    record = made.record
    if as_json:
        typer.echo(json.dumps({"key": made.key.text, **_row(record, record.created_s)}, indent=2))
        return
    typer.echo(
        f"Key {record.key_id} for {record.identity}, tenant {record.tenant}, "
        f"{', '.join(record.models)}, expires {_moment(record.expires_s) or 'never'}. "
        "It is shown only now:",
        err=True,
    )
    typer.echo(made.key.text)


def _row(record: "KeyRecord", now_s: float) -> dict[str, Any]:
    return {
        "id": record.key_id,
        "tenant": record.tenant,
        "identity": record.identity,
        "models": list(record.models),
        "status": record.status(now_s),
        "created": _moment(record.created_s),
        "expires": _moment(record.expires_s),
        "revoked": _moment(record.revoked_s),
        "successor": record.successor or None,
    }


def _moment(time_s: float | None) -> str | None:
    if time_s is None:
        return None
    try:
        return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError):  # beyond the year 9999
        return "after 9999"


def _say(data: dict[str, Any], text: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(data) if as_json else text)
