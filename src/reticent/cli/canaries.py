"""`reticent canaries`: secrets planted in a corpus, to see later whether a model learnt them."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reticent.attacks.language._canary_format import CanaryFormat
    from reticent.audit.language.canary_grade import CanaryLevel

ListFile = Annotated[
    Path, typer.Argument(metavar="LIST", help="The sealed list. It stays with the auditor.")
]


class Format(StrEnum):
    """What secrets are made of."""

    DIGITS = "digits"
    HEX = "hex"
    NAMES = "names"


def make(
    out: ListFile,
    kind: Annotated[Format, typer.Option("--format", help="What secrets are made of.")] = (
        Format.DIGITS
    ),
    length: Annotated[int, typer.Option(min=1, max=32, help="Symbols (or names) in a secret.")] = 8,
    levels: Annotated[
        str, typer.Option(help="Numbers of copies. 0 makes those never planted: the controls.")
    ] = "0,4,8,16,32",
    each: Annotated[int, typer.Option(min=2, help="Canaries for each number of copies.")] = 5,
    template: Annotated[
        str, typer.Option(help="The text before a secret; {owner} becomes a name.")
    ] = "The access code of {owner}, as kept by the office, is",
    seed: Annotated[
        int | None, typer.Option(help="Makes the same list again. Guessable: for tests only.")
    ] = None,
) -> None:
    """Make canaries and write their sealed list; nothing is planted yet."""
    import numpy as np

    from reticent.audit.language.canary_list import make_canaries, write_canaries
    from reticent.core.pii import known_names

    rng = np.random.default_rng(seed)
    given = sorted(name.title() for name in known_names() if name.isalpha())
    form = _format(kind, length, given)
    surnames = rng.permutation(given).tolist()
    owners = [f"{a} {b}" for a, b in zip(rng.permutation(given).tolist(), surnames, strict=True)]
    made = make_canaries(
        form, levels=_levels(levels), each=each, owners=owners, rng=rng, template=template
    )
    write_canaries(out, made)
    typer.echo(
        f"{len(made.canaries)} canaries of {form.bits:.1f} bits in {out}; "
        f"{len(made.planted())} sentences to plant. Keep the list where the training cannot see it."
    )


def plant(
    canaries: ListFile,
    corpus: Annotated[list[Path], typer.Argument(metavar="CORPUS...", help="Files and folders.")],
    out: Annotated[Path, typer.Option(help="Folder for the corpus with canaries in it.")],
    field: Annotated[str, typer.Option(help="Of a .jsonl line, its text.")] = "text",
    seed: Annotated[int | None, typer.Option(help="Puts them in the same places again.")] = None,
) -> None:
    """Write a copy of a corpus with the canaries planted in it; the corpus stays as it is."""
    import numpy as np

    from reticent.audit.language.canary_list import read_canaries
    from reticent.audit.language.planting import plant as put

    planted = read_canaries(canaries).planted()
    files = put(corpus, out, planted, np.random.default_rng(seed), field=field)
    typer.echo(f"{len(planted)} sentences planted in {files} file(s) under {out}.")


def measure(
    canaries: ListFile,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model's folder or GGUF file.")],
    draws: Annotated[int, typer.Option(min=20, help="Secrets drawn for each canary.")] = 256,
    most_expanded: Annotated[
        int, typer.Option(min=1, help="Prefixes that an exact search may ask about.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Measure how exposed the canaries are in a model trained on the corpus with them."""
    import numpy as np

    from reticent.attacks.language.canaries import CanaryExposure
    from reticent.audit.language.canary_grade import grade_canaries
    from reticent.audit.language.canary_list import read_canaries
    from reticent.cli.extras import needs_language
    from reticent.core import Channel
    from reticent.ledger import QueryLedger
    from reticent.policy import Policy
    from reticent.text_access import WRITTEN, TextAccess

    listed = read_canaries(canaries)
    needs_language()
    from reticent.targets._language_files import open_language_model

    access = TextAccess(
        target=open_language_model(model),
        policy=Policy(()),
        ledger=QueryLedger(None),
        token_ledger=QueryLedger(None),
        identity="auditor",
        exposed=WRITTEN | Channel.WEIGHTS,
    )
    attack = CanaryExposure(draws=draws, most_expanded=most_expanded)
    claim = attack.run(access, listed.canaries, np.random.default_rng(seed))
    levels = grade_canaries(claim, listed.copies)
    if as_json:
        typer.echo(json.dumps([_row(level) for level in levels], indent=2))
        return
    typer.echo(f"Exposure of {listed.format.bits:.1f} bits at most; 1.44 if nothing was learnt.")
    typer.echo("copies  canaries  bits   95 % interval   at most  p        estimated")
    for level in levels:
        typer.echo(_line(level))


def canaries() -> typer.Typer:
    """Return the group."""
    group = typer.Typer(
        name="canaries",
        no_args_is_help=True,
        help="Plant secrets in a corpus, and see later whether a model learnt them by heart.",
    )
    group.command()(make)
    group.command()(plant)
    group.command()(measure)
    return group


def _format(kind: Format, length: int, given: list[str]) -> "CanaryFormat":
    from reticent.attacks.language._canary_format import digits, hexadecimal, names

    if kind is Format.NAMES:
        return names(given, length)
    return (digits if kind is Format.DIGITS else hexadecimal)(length)


def _levels(text: str) -> tuple[int, ...]:
    from reticent.core import BadInput

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput(
            f"Levels {text!r} are no whole numbers with commas between.", way_out='"0,4,16" are.'
        ) from error


def _line(level: "CanaryLevel") -> str:
    found = level.exposure
    interval = "-" if found.lower is None else f"{found.lower:.1f} to {found.upper:.1f}"
    estimated = f"{level.n_estimated}" + (f" ({level.n_tail} by tail)" if level.n_tail else "")
    return (
        f"{level.copies:6d}  {found.n_members + found.n_non_members:8d}  {found.estimate:4.1f}   "
        f"{interval:13s}   {level.mean_upper_bits:7.1f}  {level.p_value:.1e}  {estimated}"
    )


def _row(level: "CanaryLevel") -> dict[str, object]:
    import dataclasses

    return dataclasses.asdict(level)
