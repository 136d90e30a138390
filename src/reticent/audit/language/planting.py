"""Canaries put into a corpus, at places that nobody can tell from others."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reticent.core import BadInput
from reticent.textindex.corpus import Source, sources


def scatter(text: str, planted: Sequence[str], rng: np.random.Generator) -> str:
    r"""Return a text with sentences put in as lines of their own, at random ends of lines.

    >>> scatter("a\nb", ["x"], np.random.default_rng(0))
    'a\nb\nx'
    """
    lines = text.split("\n")
    at = np.sort(rng.integers(1, len(lines) + 1, size=len(planted))).tolist()
    order = rng.permutation(len(planted)).tolist()
    found: list[str] = []
    begin = 0
    for place, which in zip(at, order, strict=True):
        found += lines[begin:place]
        found.append(planted[which])
        begin = place
    return "\n".join([*found, *lines[begin:]])


def plant(
    corpus: Sequence[Path],
    out: Path,
    planted: Sequence[str],
    rng: np.random.Generator,
    *,
    field: str = "text",
) -> int:
    """Write a corpus with sentences planted in it, and return how many files it has.

    Each sentence goes to a file drawn in proportion to its size: as a line of its own in a text
    file, as a document of its own in a .jsonl file. Files keep their names.

    Args:
        corpus: files and folders.
        out: a folder that is not there yet, or is empty.
        planted: sentences, each as often as it is to stand there.
        rng: draws the places.
        field: of a .jsonl line, its text.

    Raises: BadInput for a corpus without text, bytes that are not UTF-8, or a folder in use.
    """
    files = sources(corpus)
    sizes = np.array([file.size for file in files], dtype=float)
    if not len(files) or sizes.sum() == 0:
        raise BadInput("The corpus is empty.", way_out="Name files with text in them.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is in use.", way_out="Choose a folder that is not there yet.")
    for file in files:  # so that none is written unless all can be
        _read(file)
    where = rng.choice(len(files), size=len(planted), p=sizes / sizes.sum())
    for i, file in enumerate(files):
        mine = [text for text, at in zip(planted, where.tolist(), strict=True) if at == i]
        text = _read(file)
        if file.path.suffix == ".jsonl":
            rows = [json.dumps({field: each}, ensure_ascii=False) for each in mine]
            ends = text.endswith("\n")
            text = scatter(text.removesuffix("\n"), rows, rng) + "\n" * ends
        else:
            text = scatter(text, mine, rng)
        path = out / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as written:
            written.write(text)
    return len(files)


def _read(file: Source) -> str:
    try:
        return file.path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{file.path} is not UTF-8 (byte {error.start}).",
            way_out="Convert it first: planting must change nothing else.",
        ) from error
