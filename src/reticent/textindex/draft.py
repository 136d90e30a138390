"""The draft of an index that is being built: folded text, and which documents are whole in it.

A build that was cut off goes on behind the last document that its notes name.
"""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from reticent.textindex import fold as folding, layout
from reticent.textindex.segment import Document, padded


@dataclass(slots=True)
class Draft:
    """Folded text that is being written, and what is whole of it.

    Attributes:
        folder: of the draft.
        out: its text, open at its end.
        documents: those that are whole.
        items: (keyed tag, number of the document) of their short items.
        notes: lines about documents that are not on the disk yet.
        noted_at: where the text ended when notes were last put on the disk.
        replaced: bytes or lines that were no text.
    """

    folder: Path
    out: BinaryIO
    documents: list[Document]
    items: list[tuple[int, int]]
    notes: list[str]
    noted_at: int = 0
    replaced: int = 0

    @property
    def end(self) -> int:
        """Return where the next document begins."""
        last = self.documents[-1] if self.documents else None
        return 0 if last is None else last.start + padded(last.chars)

    def add(self, document: Document, found: Iterable[int], replaced: int) -> None:
        """Note a document that is whole."""
        number = len(self.documents)
        tags = sorted(set(found))
        self.items += [(tag, number) for tag in tags]
        self.documents.append(document)
        self.replaced += replaced
        self.notes.append(
            json.dumps([document.id, document.start, document.chars, tags, replaced]) + "\n"
        )

    def keep(self) -> None:
        """Put what is whole on the disk, so that a new start goes on behind it."""
        self.out.flush()
        os.fsync(self.out.fileno())
        with (self.folder / "notes").open("a", encoding="ascii") as notes:
            notes.write("".join(self.notes))
            notes.flush()
            os.fsync(notes.fileno())
        self.notes.clear()
        self.noted_at = self.end


def open_draft(folder: Path, options: list[Any], seen: dict[str, tuple[int, int]]) -> Draft:
    """Return the draft of an interrupted build, or a new one if there is none of the same kind."""
    told = json.dumps([layout.VERSION, folding.UNICODE, options, sorted(seen.items())])
    text, notes, about = folder / "text", folder / "notes", folder / "about"
    if not (about.exists() and about.read_text("utf-8") == told and text.exists()):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        with text.open("wb") as file:
            file.write(bytes(layout.HEADER_BYTES))
        notes.touch()
        about.write_text(told, "utf-8")
    out = text.open("r+b", buffering=1 << 20)
    text.chmod(0o600)
    draft = Draft(folder, out, [], [], [])
    size = text.stat().st_size - layout.HEADER_BYTES
    for line in notes.read_text("ascii", errors="replace").splitlines():
        try:
            name, start, chars, tags, replaced = json.loads(line)
        except ValueError:
            break  # the line that was being written
        if start != draft.end or start + padded(chars) > size:
            break
        draft.add(Document(name, start, chars), tags, replaced)
    draft.notes.clear()
    notes.write_text(_first_lines(notes, len(draft.documents)), "ascii")
    draft.noted_at = draft.end
    out.truncate(layout.HEADER_BYTES + draft.end)
    out.seek(0, os.SEEK_END)
    return draft


def _first_lines(path: Path, count: int) -> str:
    return "".join(path.read_text("ascii", errors="replace").splitlines(keepends=True)[:count])
