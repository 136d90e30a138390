"""Build an index, go on with one that was interrupted, add to one, take documents out of one.

A build writes folded text into a draft and, now and then, which documents are whole in it. Segments
and the manifest are put in their place when they are complete, by renaming: whoever opens the index
meanwhile sees the old state or the new one.
"""

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reticent.core import BadInput
from reticent.textindex import fold as folding, layout
from reticent.textindex.corpus import Source, has_letters, pieces
from reticent.textindex.draft import Draft, open_draft
from reticent.textindex.entities import Stretches, items, tag_of
from reticent.textindex.fold import Fold
from reticent.textindex.index import FORMAT, KEY, MANIFEST, read_manifest
from reticent.textindex.keys import IndexKey, make_key, read_key
from reticent.textindex.segment import Document, open_segment, padded, write_segment

LEAST = 47
DRAFT = "draft"
KEEP_BYTES = 1 << 26  # of folded text between two notes of what is whole
MOST_SEGMENTS = 4
MOST_LEAST = 256

#: Told: bytes of the corpus that are done, of how many, the document.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build did.

    Attributes:
        documents: taken in now.
        chars: their folded bytes.
        known: documents that were in the index already, and were left as they are.
        kept: documents that an interrupted build had done.
        replaced: bytes or lines that were no text, passed over.
        short: documents too short for a span; only their items can be found.
    """

    documents: int
    chars: int
    known: int
    kept: int
    replaced: int
    short: int


def build(
    path: Path,
    corpus: Sequence[Source],
    *,
    key: Path | None = None,
    least: int | None = None,
    with_items: bool | None = None,
    append: bool = False,
    field: str = "text",
    id_field: str = "id",
    progress: Progress = lambda done, total, what: None,
) -> Built:
    """Build an index of a corpus, or add a corpus to one.

    Args:
        path: its folder.
        corpus: the files, see `corpus.sources`.
        key: file of its key, made if it is not there; None for one in the folder.
        least: shortest span that is always found, in folded bytes; default 47, or the index's.
        with_items: take in addresses, numbers and identifiers, too; default no, or as the index.
        append: the index is there; documents that it holds by name are passed over.
        field: of a line of .jsonl, its text.
        id_field: of a line of .jsonl, its name.
        progress: told of every file.

    Raises: BadInput, with what was done kept for the next call; nothing is written for a corpus
        without letters, which would pass for one that is protected.
    """
    there = (path / MANIFEST).exists()
    if there and not append:
        raise BadInput(
            f"{path} holds an index already.",
            way_out="Add to it with --append, or name another place with --out.",
        )
    if append and not there:
        raise BadInput(f"There is no index in {path} to add to.", way_out="Leave out --append.")
    manifest = read_manifest(path) if there else {"segments": []}
    least = manifest.get("least", LEAST) if least is None else least
    with_items = bool(manifest.get("items", False)) if with_items is None else with_items
    _check(path, manifest, least, with_items)
    if not has_letters(corpus, field=field, id_field=id_field):
        raise BadInput(
            f"The corpus holds no letter or digit: {len(corpus)} files, none with text.",
            way_out="Name files with text in UTF-8; of a line of .jsonl, --field names its text.",
        )
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    secret = make_key(key or path / KEY) if not there else read_key(key or path / KEY)
    _sweep(path, manifest)
    known = {
        document.id
        for name in manifest["segments"]
        for document in open_segment(path / name, secret).documents()
    }
    options = [least, with_items, field, id_field, [s.name for s in corpus], secret.check.hex()]
    draft = open_draft(path / DRAFT, options, {s.name: (s.size, s.changed) for s in corpus})
    kept = len(draft.documents)
    try:
        passed = _take_in(draft, corpus, known, secret, with_items, field, id_field, progress)
    except BaseException:
        with suppress(OSError):
            draft.keep()
        draft.out.close()
        raise
    documents = tuple(draft.documents)
    built = Built(
        documents=len(documents),
        chars=sum(d.chars for d in documents),
        known=passed,
        kept=kept,
        replaced=draft.replaced,
        short=sum(d.chars < least for d in documents),
    )
    names = list(manifest["segments"])
    if documents or not names:
        write_segment(draft.out, documents, draft.items, key=secret, least=least)
        names.append(_placed(path, draft.folder / "text"))
    draft.out.close()
    if len(names) > MOST_SEGMENTS:
        names = [_merged(path, names, secret, least, without=frozenset())]
    _put_manifest(path, names, least, with_items)
    shutil.rmtree(draft.folder)
    _sweep(path, {"segments": names})
    return built


def erase(path: Path, ids: Iterable[str], *, key: Path | None = None) -> list[str]:
    """Take documents out of an index: their text, fingerprints, items and names.

    The files that held them are written anew; in the old ones their text is overwritten before
    they are deleted. A guard that has the index open goes on with the old one, which lacks the
    text already, until it reads its configuration again.

    Returns: the names that were there.
    """
    manifest = read_manifest(path)
    secret = read_key(key or path / KEY)
    wanted = frozenset(ids)
    _sweep(path, manifest)
    names, old, found = [], [], []
    for name in manifest["segments"]:
        segment = open_segment(path / name, secret)
        there = [d for d in segment.documents() if d.id in wanted]
        if not there:
            names.append(name)
            continue
        found += [d.id for d in there]
        names.append(_merged(path, [name], secret, segment.least, without=wanted))
        start = layout.HEADER_BYTES
        old.append((name, [(start + d.start, d.chars) for d in there]))
    _put_manifest(path, names, manifest["least"], bool(manifest.get("items")))
    for name, places in old:
        with (path / name).open("r+b") as file:
            for at, size in places:
                file.seek(at)
                file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
    _sweep(path, {"segments": names})
    return found


def _check(path: Path, manifest: dict[str, Any], least: int, with_items: bool) -> None:
    if not LEAST <= least <= MOST_LEAST:
        raise BadInput(
            f"The shortest span is {least}; it must be {LEAST} to {MOST_LEAST}.",
            way_out=f"Default: {LEAST}.",
        )
    for name, wanted in (("least", least), ("items", with_items)):
        if manifest.get(name, wanted) != wanted:
            raise BadInput(
                f"{path} was built with {name} = {manifest[name]}, not {wanted}.",
                way_out="Add with the same, or build another index.",
            )


def _take_in(
    draft: Draft,
    corpus: Sequence[Source],
    known: set[str],
    secret: IndexKey,
    with_items: bool,
    field: str,
    id_field: str,
    progress: Progress,
) -> int:
    """Write folded documents into the draft; return how many were passed over."""
    fold = Fold()
    item_key = secret.derived(b"items")
    done = Counter(d.id for d in draft.documents)  # by an earlier run; several may share a name
    total = sum(source.size for source in corpus)
    read = passed = 0
    for source in corpus:
        start, chars, replaced = draft.end, 0, 0
        found: set[int] = set()
        stretches = Stretches()
        for piece in pieces(source, field=field, id_field=id_field):
            if piece.id in known:
                passed += piece.ends
                continue
            if done[piece.id]:
                done[piece.id] -= piece.ends
                continue
            folded = fold(piece.text)
            draft.out.write(folded)
            chars += len(folded)
            replaced += piece.replaced
            if with_items:
                told = list(stretches.feed(piece.text))
                told += list(stretches.end()) if piece.ends else []
                found.update(tag_of(each.form, item_key) for _, s in told for each in items(s))
            if piece.ends:
                draft.out.write(bytes(padded(chars) - chars))
                draft.add(Document(piece.id, start, chars), found, replaced)
                start, chars, replaced, found, stretches = draft.end, 0, 0, set(), Stretches()
                if start - draft.noted_at > KEEP_BYTES:
                    draft.keep()
        read += source.size
        progress(read, total, source.name)
    return passed


def _placed(path: Path, file: Path) -> str:
    """Put a finished segment in the index's folder; return its name."""
    name = f"{secrets.token_hex(8)}.segment"
    file.chmod(0o600)
    file.replace(path / name)
    return name


def _merged(
    path: Path, names: Sequence[str], secret: IndexKey, least: int, *, without: frozenset[str]
) -> str:
    """Write segments anew as one, without some documents; return its name."""
    draft = path / f".{secrets.token_hex(8)}.part"
    documents: list[Document] = []
    found: list[tuple[int, int]] = []
    with draft.open("w+b", buffering=1 << 20) as out:
        draft.chmod(0o600)
        out.write(bytes(layout.HEADER_BYTES))
        at = 0
        for name in names:
            segment = open_segment(path / name, secret)
            numbers: dict[int, int] = {}
            for number, document in enumerate(segment.documents()):
                if document.id in without:
                    continue
                numbers[number] = len(documents)
                documents.append(replace(document, start=at))
                size = padded(document.chars)
                text = segment.text[document.start : document.start + document.chars].tobytes()
                out.write(text + bytes(size - document.chars))
                at += size
            for tag, number in segment.items().tolist():
                if number in numbers:
                    found.append((tag, numbers[number]))
        write_segment(out, documents, found, key=secret, least=least)
    return _placed(path, draft)


def _put_manifest(path: Path, names: Sequence[str], least: int, with_items: bool) -> None:
    said = {
        "format": FORMAT,
        "version": layout.VERSION,
        "least": least,
        "items": with_items,
        "unicode": folding.UNICODE,
        "segments": list(names),
    }
    draft = path / f".{MANIFEST}.{secrets.token_hex(4)}.part"
    with draft.open("w", encoding="utf-8") as out:
        out.write(json.dumps(said, indent=2) + "\n")
        out.flush()
        os.fsync(out.fileno())
    draft.chmod(0o600)
    draft.replace(path / MANIFEST)
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(path: Path, manifest: dict[str, Any]) -> None:
    """Delete what earlier calls that were cut off have left of segments."""
    for each in path.iterdir():
        if each.suffix in (".segment", ".part") and each.name not in manifest["segments"]:
            each.unlink()
