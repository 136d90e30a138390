"""The documents of a corpus: text files, and the lines of JSON Lines files."""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reticent.core import BadInput
from reticent.core.folders import files_below
from reticent.textindex.fold import Fold

CHUNK_BYTES = 1 << 23
PEEK = 1 << 14  # bytes or characters that are looked at at once
_NO_TEXT = re.compile("[\ud800-\udfff\ufffd]")  # halves of pairs, which JSON can escape


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a corpus.

    Attributes:
        name: relative to the corpus.
        path: where it is.
        size: bytes.
        changed: when it was changed last, in nanoseconds.
    """

    name: str
    path: Path
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document.

    Attributes:
        id: the document's.
        text: the part.
        ends: it is the last.
        replaced: bytes or values that were no text, and were passed over.
    """

    id: str
    text: str
    ends: bool
    replaced: int = 0


def sources(paths: Sequence[Path]) -> list[Source]:
    """Return the files of a corpus, in the order of their names.

    Hidden files and folders are left out, and so are links.

    Raises: BadInput if a path is not there, or a folder in it cannot be read.
    """
    found: list[Source] = []
    for path in paths:
        if path.is_file():
            found.append(_source(path.name, path))
        elif path.is_dir():
            found += [
                _source(each.relative_to(path).as_posix(), each)
                for each in files_below(path, hidden=False, links=False)
            ]
        else:
            raise BadInput(f"{path}: there is no such file or folder.", way_out="Correct the path.")
    names = [each.name for each in found]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(
            f"Two documents are called {twice!r}.", way_out="Name the folder that holds both."
        )
    return found


def has_letters(corpus: Sequence[Source], *, field: str = "text", id_field: str = "id") -> bool:
    """Return whether anything of a corpus is left when it is folded; read up to the first such.

    Raises: BadInput if a file on the way cannot be read.
    """
    fold = Fold()
    return any(
        fold(piece.text[at : at + PEEK])
        for source in corpus
        for piece in pieces(source, field=field, id_field=id_field, chunk_bytes=PEEK)
        for at in range(0, len(piece.text), PEEK)
    )


def _source(name: str, path: Path) -> Source:
    stat = path.stat()
    return Source(name, path, stat.st_size, stat.st_mtime_ns)


def pieces(
    source: Source, *, field: str = "text", id_field: str = "id", chunk_bytes: int = CHUNK_BYTES
) -> Iterator[Piece]:
    """Yield the documents of a file, part by part.

    A file is one document; of a .jsonl file each line is one, called NAME:LINE or as its id says.
    Bytes that are not UTF-8 are passed over and counted (UTF-16 and UTF-32 are known by their byte
    order mark); lines that cannot be read are counted, too, and so are halves of surrogate pairs.

    Args:
        source: the file.
        field: of a line, its text.
        id_field: of a line, its name.
        chunk_bytes: of a file that is one document, in each part.

    Raises: BadInput if the file cannot be read.
    """
    try:
        if source.path.suffix == ".jsonl":
            yield from _lines(source, field, id_field)
        else:
            yield from _whole(source, chunk_bytes)
    except OSError as error:
        raise BadInput(
            f"{source.path} cannot be read ({error.strerror}).",
            way_out="Make it readable, or take it out of the corpus; what was read so far is kept.",
        ) from error


def _encoding(head: bytes) -> str:
    for mark, name in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return name
    return "utf-8-sig"


def _whole(source: Source, chunk_bytes: int) -> Iterator[Piece]:
    with source.path.open("rb") as file:
        data = file.read(chunk_bytes)
        decoder = codecs.getincrementaldecoder(_encoding(data))(errors="replace")
        while True:
            following = file.read(chunk_bytes) if len(data) == chunk_bytes else b""
            text = decoder.decode(data, final=not following)
            replaced = 0 if text.isascii() else text.count("\ufffd")
            yield Piece(source.name, text, not following, replaced)
            if not following:
                return
            data = following


def _lines(source: Source, field: str, id_field: str) -> Iterator[Piece]:
    with source.path.open("rb") as file:
        for number, line in enumerate(file, 1):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                row = None
            text = row.get(field) if type(row) is dict else None
            if type(row) is not dict or type(text) is not str:
                yield Piece(f"{source.name}:{number}", "", True, 1)
                continue
            named = row.get(id_field)
            name = f"{source.name}:{number if type(named) not in (str, int) else named}"
            yield Piece(name, text, True, 0 if text.isascii() else len(_NO_TEXT.findall(text)))
