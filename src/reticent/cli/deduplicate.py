"""`reticent deduplicate`: a corpus without what it says twice."""

from pathlib import Path
from typing import Annotated

import typer


def deduplicate(
    corpus: Annotated[
        list[Path],
        typer.Argument(metavar="CORPUS...", help="Files and folders; a .jsonl line is a document."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for corpus.jsonl, near.jsonl, report.json.")],
    least_bytes: Annotated[
        int, typer.Option(min=0, help="Shortest exact repetition; 0 to look for none.")
    ] = 50,
    similarity: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Least share in near duplicates; 0 to look for none."),
    ] = 0.8,
    field: Annotated[str, typer.Option(help="Of a .jsonl line, its text.")] = "text",
    memory_mb: Annotated[
        int, typer.Option(min=1, help="For sorting; less memory takes more passes.")
    ] = 256,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run stopped.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Take repetitions out of a corpus: what is read often is learnt by heart."""
    from reticent.cli.progress import listener
    from reticent.training.deduplicate import deduplicate as run

    with listener(quiet=quiet) as listen:
        done = run(
            corpus,
            out,
            least_bytes=least_bytes,
            threshold=similarity,
            field=field,
            memory_bytes=memory_mb << 20,
            resume=resume,
            listen=listen,
        )
    share = 1 - done.bytes_kept / done.bytes_read if done.bytes_read else 0.0
    typer.echo(
        f"{done.documents:,} documents, {done.bytes_read:,} bytes of text.\n"
        f"{done.near_duplicates:,} documents resembled an earlier one; "
        f"{done.exact_spans:,} stretches ({done.exact_bytes:,} bytes) stood before.\n"
        f"{done.documents_kept:,} documents, {done.bytes_kept:,} bytes are left in {out} "
        f"({share:.1%} less)."
    )
    if done.unreadable:
        typer.echo(f"{done.unreadable:,} bytes or lines were no text and were passed over.")
