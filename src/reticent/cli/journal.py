"""`reticent journal`: check, read, export and erase what the guard has journalled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reticent.cli.exits import ExitCode

if TYPE_CHECKING:
    from reticent.config import GuardFile
    from reticent.guard.journal.checkpoint import Checkpoint
    from reticent.guard.journal.keys import JournalKeys
    from reticent.guard.journal.store import Store
    from reticent.guard.journal.verify import Verified

DAY_S = 86_400.0

Config = Annotated[Path, typer.Argument(help="The reticent.toml of the guard.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
Tenant = Annotated[
    str | None, typer.Option(help="The identity's tenant. Default: all of the configuration's.")
]


class Form(StrEnum):
    """What an event can be written as."""

    JSONL = "jsonl"
    OCSF = "ocsf"
    CEF = "cef"


def verify(
    config: Config,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(help="A file of checkpoints kept elsewhere; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every row, every checkpoint and every erasure of the journal.

    A journal that was cut short at its end, or written anew, is found out by checkpoints alone
    that lie where whoever did it could not write: keep anchors.jsonl elsewhere, too. The last
    line says how many rows checkpoints tell of. Exits with 1 if something is not as it was
    written.
    """
    with _opened(config) as place:
        from reticent.guard.journal.verify import as_json as plain, verify as verified

        report = verified(place.store, place.keys, anchors=_anchors(place, anchor or []))
    if as_json:
        typer.echo(json.dumps(plain(report), indent=2))
    else:
        for chain in report.chains:
            typer.echo(
                f"{chain.chain}: {chain.rows} rows, {chain.erased} erased, "
                f"{chain.checkpoints} checkpoints, {chain.anchors} anchors, "
                f"{chain.unsigned} rows since the last of them"
            )
        for problem in report.problems:
            typer.echo(f"PROBLEM {problem}", err=True)
        if report.more_problems:
            typer.echo(f"PROBLEM and {report.more_problems} more.", err=True)
        for name, first, last in report.unfinished:
            typer.echo(f"Erasure under way: {name}, rows {first} to {last}.", err=True)
        for chain in report.chains:
            if chain.unsigned and not chain.checkpoints and not chain.anchors:
                typer.echo(
                    f"No checkpoint tells of chain {chain.chain}: whether more rows followed "
                    "cannot be known.",
                    err=True,
                )
        typer.echo("Not as it was written." if report.problems else _as_far_as(report))
    if report.problems:
        raise typer.Exit(ExitCode.FINDING)


def timeline(
    config: Config,
    who: Annotated[
        str, typer.Argument(help="Name of an identity, id of a key, or the pseudonym of either.")
    ],
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Tell what one identity asked, when, and what it was refused."""
    with _opened(config) as place:
        from reticent.guard.journal.timeline import timeline as told

        found = told(place.store, place.names(who, tenant))
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    lines = [f"{found.requests} requests, {found.answered} answered with {found.rows} rows"]
    lines[0] += f" ({found.different_rows} different)"
    if found.first_s is not None and found.last_s is not None:
        lines.append(f"from {_moment(found.first_s)} to {_moment(found.last_s)}")
    for title, counts in (
        ("rows of", found.models),
        ("refused:", found.refusals),
        ("suspected:", found.suspicions),
    ):
        lines += [f"{title} {name}: {count}" for name, count in counts.items()]
    lines += [f"rows on {_moment(day * DAY_S)[:10]}: {n}" for day, n in found.days.items()]
    lines += [f"silent from {_moment(start)} to {_moment(end)}" for start, end in found.gaps]
    if found.erased:
        lines.append(f"{found.erased} rows of the journal have no text any more")
    typer.echo("\n".join(lines))


def export(
    config: Config,
    form: Annotated[
        Form, typer.Option(help="jsonl, ocsf (API Activity, 6003) or cef.")
    ] = Form.JSONL,
    out: Annotated[Path | None, typer.Option(help="A file; default: standard output.")] = None,
    identity: Annotated[str | None, typer.Option(help="Only what concerns this one.")] = None,
    tenant: Tenant = None,
    after: Annotated[
        int, typer.Option(min=0, help="Leave out each chain's rows up to this sequence.")
    ] = 0,
) -> None:
    """Write the journal for a SIEM or other tools, one event a line."""
    from reticent import __version__

    with _opened(config) as place:
        from reticent.guard.journal.export import Form as Forms, writer_of
        from reticent.guard.journal.timeline import entries

        names = place.names(identity, tenant) if identity is not None else ()
        line = writer_of(Forms(form.value), version=__version__)
        chosen = (
            line(chain, sequence, entry)
            for chain, sequence, entry in entries(place.store, names, after=after)
            if entry is not None or not names
        )
        if out is None:
            for each in chosen:
                typer.echo(each)
        else:
            with out.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{each}\n" for each in chosen)


def erase(
    config: Config,
    identity: Annotated[
        str | None, typer.Option(help="Whose rows: name, key id or pseudonym.")
    ] = None,
    tenant: Tenant = None,
    keep_days: Annotated[
        float | None, typer.Option(min=0.0, help="Instead: all rows older than this.")
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Instead: all rows older than guard.keep_days.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why, for the journal; must not say whose rows they are.")
    ] = None,
    compact: Annotated[
        bool,
        typer.Option("--compact", help="Also give the space back; stop the guard meanwhile."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Throw away the text of rows; the chain still verifies, and says that they are gone and why.

    A guard may be running. If this is stopped half way, run it again.
    """
    import time

    from reticent.core import BadInput

    if sum((identity is not None, keep_days is not None, expired)) != 1:
        raise BadInput(
            "It must be said which rows: by --identity, --keep-days or --expired, one of them."
        )
    if identity is not None and not reason:
        raise BadInput("A person's rows go for a reason.", way_out='--reason "request 2024-17"')
    if identity and reason and identity.casefold() in reason.casefold():
        raise BadInput("The reason names whose rows they are; it stays in the journal for good.")
    with _opened(config) as place:
        from reticent.guard.journal.keeper import erase as erased
        from reticent.guard.journal.open import ANCHORS_FILE
        from reticent.guard.journal.timeline import concerns
        from reticent.guard.types import Entry

        days = place.file.guard.keep_days if expired else keep_days
        if expired and days is None:
            raise BadInput("guard.keep_days is not set.", way_out="Set it, or give --keep-days.")
        names = place.names(identity, tenant) if identity is not None else frozenset()
        before_s = time.time() - (days or 0.0) * DAY_S

        def wanted(entry: Entry) -> bool:
            return concerns(entry, names) if names else entry.time_s < before_s

        done = erased(
            place.store,
            place.keys,
            wanted,
            reason or f"older than {days:g} days",
            clock=time.time,
            anchors=place.file.state / ANCHORS_FILE,
            compact=compact,
        )
    if as_json:
        typer.echo(json.dumps({"rows": done.rows, "entries": done.portions, "gone": done.gone}))
        return
    typer.echo(f"{done.rows} rows have lost their text; {done.portions} entries say so.")
    if not done.gone:
        typer.echo(
            "Traces may be on the disk still: run it again when nobody reads, or with --compact.",
            err=True,
        )


def anchor(
    config: Annotated[Path | None, typer.Argument(help="The reticent.toml of the guard.")] = None,
    out: Annotated[Path | None, typer.Option(help="Add them to this file as well.")] = None,
    public_key: Annotated[
        bool, typer.Option("--public-key", help="Print the public key alone.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option(help="Instead: check a file of checkpoints. Needs --key only.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The public key, in hex, for --check.")] = None,
) -> None:
    """Print each chain's last signed checkpoint, to be kept where the guard cannot write.

    Whoever has the public key can check them, without the configuration and the secret.
    """
    from reticent.core import BadInput

    if check is not None:
        if key is None:
            raise BadInput("--check needs --key.", way_out="reticent journal anchor --public-key")
        _check(check, key)
        return
    if config is None:
        raise BadInput("No configuration was named.", way_out="reticent journal anchor FILE")
    with _opened(config) as place:
        if public_key:
            typer.echo(place.keys.public_key)
            return
        from reticent.guard.journal.checkpoint import append_anchor, checkpoint_of

        for chain in place.store.chains():
            line = place.store.last_checkpoint(chain)
            if line:
                typer.echo(line.decode("utf-8", "replace"))
                if out is not None:
                    append_anchor(out, checkpoint_of(line))


def journal() -> typer.Typer:
    """Return the group of commands."""
    group = typer.Typer(
        name="journal",
        help="Check, read, export and erase what the guard has journalled.",
        no_args_is_help=True,
    )
    for command in (verify, timeline, export, erase, anchor):
        group.command()(command)
    return group


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A journal and what is needed to read it."""

    file: "GuardFile"
    secret: bytes
    keys: "JournalKeys"
    store: "Store"

    def names(self, who: str, tenant: str | None) -> frozenset[str]:
        """Return the pseudonyms that somebody may have in the journal."""
        from reticent.guard.pseudonyms import identity_pseudonym, token_pseudonym

        tenants = {e.tenant for e in self.file.guard.endpoint} if tenant is None else {tenant}
        names = (identity_pseudonym, token_pseudonym)
        return frozenset({who, *(name(self.secret, t, who) for name in names for t in tenants)})


@contextmanager
def _opened(config: Path) -> Iterator[_Place]:
    from reticent.cli.extras import needs_guard

    needs_guard()
    import os

    from reticent.config import load_guard
    from reticent.core import BadInput
    from reticent.guard.journal.keys import journal_keys
    from reticent.guard.journal.open import JOURNAL_FILE, journal_store
    from reticent.guard.journal.store import StoreAway
    from reticent.guard.secrets import read_secret

    file = load_guard(config)
    if file.guard.journal == "sqlite" and not (file.state / JOURNAL_FILE).is_file():
        raise BadInput(
            f"There is no journal in {file.state}.", way_out="Start the guard: it writes one."
        )
    secret = read_secret(file, os.environ, make=False)
    store = journal_store(file.guard, file.state)
    try:
        yield _Place(file=file, secret=secret, keys=journal_keys(secret), store=store)
    except StoreAway as error:
        raise BadInput(f"The journal cannot be read ({error}).") from error
    finally:
        store.close()


def _as_far_as(report: "Verified") -> str:
    """Return the verdict on a journal without problems; its end is no better known than this."""
    rows = sum(chain.rows for chain in report.chains)
    told_of = rows - sum(chain.unsigned for chain in report.chains)
    return f"As it was written, as far as checkpoints reach: {told_of} of {rows} rows."


def _anchors(place: _Place, given: list[Path]) -> "Iterator[Checkpoint]":
    from reticent.guard.journal.checkpoint import anchors
    from reticent.guard.journal.open import ANCHORS_FILE

    own = place.file.state / ANCHORS_FILE
    for path in [*([own] if own.is_file() else []), *given]:
        yield from anchors(path)


def _check(path: Path, key: str) -> None:
    from reticent.cli.extras import needs_guard

    needs_guard()
    from reticent.guard.journal.checkpoint import anchors

    bad = 0
    for known in anchors(path):
        good = known.signed_by(key)
        bad += not good
        typer.echo(
            f"{'good' if good else 'BAD'}: chain {known.chain}, {known.count} rows, "
            f"{_moment(known.time_s)}"
        )
    if bad:
        raise typer.Exit(ExitCode.FINDING)


def _moment(time_s: float) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{time_s} s"
