"""`reticent index`: build, extend and inspect an index of private texts, and erase from it."""

import json
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reticent.textindex.build import Progress

OUT = Path("private.index")


class What(StrEnum):
    """What is printed of an index."""

    SUMMARY = "summary"
    DOCUMENTS = "documents"


def index(
    corpus: Annotated[
        list[Path] | None,
        typer.Argument(help="Text files, .jsonl files, or folders of them."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The index: a folder.")] = OUT,
    append: Annotated[bool, typer.Option("--append", help="Add to the index at --out.")] = False,
    erase: Annotated[
        list[str] | None,
        typer.Option(help="Take this document out of the index; repeat it."),
    ] = None,
    inspect: Annotated[
        What | None, typer.Option(help="Print what is in the index, checked in full.")
    ] = None,
    items: Annotated[
        bool,
        typer.Option("--items", help="Take in e-mail addresses, numbers and identifiers, too."),
    ] = False,
    least: Annotated[
        int | None,
        typer.Option(help="Shortest span found for certain, in letters and digits. Default: 47."),
    ] = None,
    field: Annotated[str, typer.Option(help="Of a line of .jsonl, its text.")] = "text",
    id_field: Annotated[str, typer.Option(help="Of a line of .jsonl, its name.")] = "id",
    key: Annotated[
        Path | None,
        typer.Option(help="File of the index's key, made if it is not there. Default: in --out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Build the index that keeps a guarded language model from repeating a private corpus.

    Stopped or failed builds go on where they were when the same command is run again. The index
    holds the corpus's letters: guard it like the corpus.
    """
    from reticent.core import BadInput

    wanted = [bool(corpus), bool(erase), inspect is not None]
    if sum(wanted) != 1:
        raise BadInput(
            "Name a corpus, or --erase DOCUMENT, or --inspect summary: one of them.",
            way_out="reticent index texts/ --out private.index",
        )
    if erase:
        _erase(out, erase, key, as_json)
        return
    if inspect is not None:
        _inspect(out, key, inspect, as_json)
        return
    from reticent.textindex.build import build
    from reticent.textindex.corpus import sources

    found = sources(corpus or [])
    with _progress(quiet) as progress:
        built = build(
            out,
            found,
            key=key,
            least=least,
            with_items=True if items else None,
            append=append,
            field=field,
            id_field=id_field,
            progress=progress,
        )
    told = {
        "index": str(out),
        "documents": built.documents,
        "letters": built.chars,
        "already_there": built.known,
        "kept_from_before": built.kept,
        "not_text": built.replaced,
        "too_short": built.short,
    }
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(f"{out}: {built.documents} documents, {built.chars:,} letters and digits.")
    for many, what in (
        (built.kept, "were done before this run"),
        (built.known, "were in the index already and were left as they are"),
        (built.short, "are too short for a span to be told by"),
    ):
        if many:
            typer.echo(f"  {many} documents {what}.")
    if built.replaced:
        typer.echo(f"  {built.replaced} bytes or lines were no text and were passed over.")


def _erase(out: Path, ids: list[str], key: Path | None, as_json: bool) -> None:
    from reticent.core import BadInput
    from reticent.textindex.build import erase
    from reticent.textindex.index import open_index

    there = {d.id for d in open_index(out, key=key).documents()}
    shown = {_shown(name): name for name in there}  # what can be typed of odd ones
    wanted = [name if name in there else shown.get(name, name) for name in ids]
    found = erase(out, wanted, key=key)
    missing = sorted(set(wanted) - set(found))
    if as_json:
        typer.echo(json.dumps({"erased": sorted(set(found)), "not_there": missing}, indent=2))
    else:
        for name in sorted(set(found)):
            typer.echo(f"Erased {_shown(name)}.")
    if missing:
        raise BadInput(
            f"{out} holds no document called {missing[0]!r}.",
            way_out=f"reticent index --out {out} --inspect documents lists their names.",
        )


def _shown(name: str) -> str:
    """Return a document's name on one line, without what steers a terminal."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in name)


def _inspect(out: Path, key: Path | None, what: What, as_json: bool) -> None:
    from reticent.textindex.fold import UNICODE
    from reticent.textindex.index import open_index

    opened = open_index(out, key=key)
    documents = opened.documents()
    if what is What.DOCUMENTS:
        if as_json:
            rows = [{"document": d.id, "letters": d.chars} for d in documents]
            typer.echo(json.dumps(rows, indent=2))
            return
        for each in documents:
            typer.echo(f"{each.chars:>12,}  {_shown(each.id)}")
        return
    beside = sum(segment.bytes_beside_text for segment in opened.segments)
    told = {
        "documents": len(documents),
        "letters": opened.chars,
        "least": opened.least,
        "segments": len(opened.segments),
        "blocks": sum(segment.entries for segment in opened.segments),
        "bytes_beside_text": beside,
        "items": sum(segment.items().size for segment in opened.segments),
        "unicode": opened.manifest.get("unicode"),
    }
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(
        f"{out}: {told['documents']} documents, {opened.chars:,} letters and digits, "
        f"{told['segments']} segments, {told['blocks']:,} blocks, {told['items']:,} items; "
        f"{beside:,} bytes beside the text. Spans of {opened.least} are found for certain. Whole."
    )
    if told["unicode"] != UNICODE:
        typer.echo(
            f"  It was built with Unicode {told['unicode']}, and this Python has {UNICODE}: "
            "characters that are new between them are not found."
        )


@contextmanager
def _progress(quiet: bool) -> "Iterator[Progress]":
    from reticent.cli.progress import listener
    from reticent.core.events import Progress as Step

    with listener(quiet=quiet) as listen:

        def tell(done: int, total: int, what: str) -> None:
            listen(Step(stage="index", done=done, total=total, what=what))

        yield tell
