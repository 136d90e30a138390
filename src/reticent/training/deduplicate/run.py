"""A corpus in, the corpus without its repetitions out, and what was taken."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from reticent.core import BadInput
from reticent.core.events import Listener, Progress, silent
from reticent.textindex.corpus import Source, has_letters, pieces, sources
from reticent.training.deduplicate.exact import LEAST_BYTES, MEMORY_BYTES, repeated_spans
from reticent.training.deduplicate.near import (
    BANDS,
    NearDuplicate,
    Permutations,
    near_duplicates,
    shingles,
)
from reticent.training.deduplicate.spool import Spool, open_spool, without, write_spool

CORPUS, REPORT, WORK = "corpus.jsonl", "report.json", ".work"
#: Documents between two notes of how far it is.
_STEP = 200
#: For halves of surrogate pairs in names (JSON can escape them, and file names that are no UTF-8
#: are read as such): Python's escapes of them are those of JSON.
_ESCAPED = "backslashreplace"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicated:
    """What was taken out of a corpus.

    Attributes:
        documents: in the corpus.
        documents_kept: those with something left.
        bytes_read: of text, in UTF-8.
        bytes_kept: of text.
        near_duplicates: documents left out because an earlier one says nearly the same.
        exact_spans: stretches left out because they stood before.
        exact_bytes: bytes in them.
        rounds: times that exact repetitions were looked for; where text is taken out, what is left
            meets anew, so that the last time finds none.
        emptied: documents of which nothing was left.
        unreadable: bytes and lines that were no text, passed over.
        least_bytes: shortest exact repetition; 0 if none were looked for.
        threshold: least similarity of near duplicates; 0 if none were looked for.
    """

    documents: int
    documents_kept: int
    bytes_read: int
    bytes_kept: int
    near_duplicates: int
    exact_spans: int
    exact_bytes: int
    rounds: int
    emptied: int
    unreadable: int
    least_bytes: int
    threshold: float


def deduplicate(
    corpus: Sequence[Path],
    out: Path,
    *,
    least_bytes: int = LEAST_BYTES,
    threshold: float = 0.8,
    field: str = "text",
    memory_bytes: int = MEMORY_BYTES,
    resume: bool = False,
    listen: Listener = silent,
) -> Deduplicated:
    """Write a corpus without near duplicates and exact repetitions, and a report of what went.

    Near duplicates go first, as whole documents; then, of what is left, every repeated stretch but
    the first; then documents that resemble each other only now. The result given back in comes
    out as it is.

    Args:
        corpus: files and folders; a .jsonl file holds one document a line, others are one each.
        out: folder for `corpus.jsonl` (id and text of each document), `report.json` and
            `near.jsonl` (which document resembles which).
        least_bytes: shortest exact repetition; 0 to look for none.
        threshold: least similarity of near duplicates; 0 to look for none.
        field: of a .jsonl line, its text.
        memory_bytes: for the windows of one pass.
        resume: go on with the finished steps of an earlier run over the same corpus.
        listen: progress.

    Raises: BadInput for a corpus without text, settings out of range, or a folder that holds
        something else.
    """
    if least_bytes and least_bytes < 8:
        raise BadInput(f"least_bytes is {least_bytes}; the least is 8.", way_out="50 is usual.")
    if threshold and not 0 < threshold <= 1:
        raise BadInput(f"A similarity of {threshold} is not in (0, 1].", way_out="0.8 is usual.")
    files = sources(corpus)
    if out.exists() and any(file.path.resolve().is_relative_to(out.resolve()) for file in files):
        raise BadInput(f"{out} is in the corpus.", way_out="Choose another folder for the result.")
    if not has_letters(files, field=field):
        raise BadInput(
            f"The corpus holds no letter or digit: {len(files)} files, none with text.",
            way_out="Name files with text in UTF-8; of a line of .jsonl, --field names its text.",
        )
    work = _work(out, _digest(files, least_bytes, threshold, field), resume=resume)
    spool = _read(work, files, field, listen)
    near = _near(work / "near-1", spool, threshold, listen) if threshold else []
    kept = _kept(work, "near-1/text", spool, near) if near else spool
    rounds = spans = taken = 0
    while least_bytes:
        found = _exact(work / f"round-{rounds}", kept, least_bytes, memory_bytes, rounds, listen)
        rounds += 1
        spans, taken = spans + len(found), taken + found.size_bytes
        if not len(found):
            break
        kept = _step(work, f"round-{rounds}/text", lambda f, s=kept, x=found: without(s, x, f))
    if spans and threshold:  # what is left of a document may resemble another by now
        more = _near(work / "near-2", kept, threshold, listen)
        names = list(kept.ids())
        kept = _kept(work, "near-2/text", kept, more) if more else kept
    else:
        more, names = [], []
    resembling = [*_named(list(spool.ids()), near), *_named(names, more)]
    empty = {
        name for name, size in zip(spool.ids(), np.diff(spool.bounds), strict=True) if not size
    }
    emptied = _write(out, kept, empty)
    unreadable = json.loads((work / "read.json").read_text("utf-8"))["unreadable"]
    result = Deduplicated(
        documents=len(spool),
        documents_kept=len(kept) - emptied,
        bytes_read=len(spool.data),
        bytes_kept=len(kept.data),
        near_duplicates=len(resembling),
        exact_spans=spans,
        exact_bytes=taken,
        rounds=rounds,
        emptied=emptied,
        unreadable=unreadable,
        least_bytes=least_bytes,
        threshold=threshold,
    )
    _put_lines(out / "near.jsonl", resembling)
    _put(out / REPORT, asdict(result))
    shutil.rmtree(work)
    return result


def _digest(files: list[Source], *settings: object) -> str:
    listed = [[file.name, file.size, file.changed] for file in files]
    return hashlib.sha256(json.dumps([listed, settings]).encode()).hexdigest()


def _work(out: Path, digest: str, *, resume: bool) -> Path:
    """Return the folder of unfinished work, emptied unless it is this corpus's and wanted."""
    if out.is_dir() and (others := {p.name for p in out.iterdir()} - _OWN):
        raise BadInput(
            f"{out} holds {min(others)!r}, which is not ours.", way_out="Choose an empty folder."
        )
    work = out / WORK
    mark = work / "digest"
    if work.exists() and not (resume and mark.is_file() and mark.read_text("utf-8") == digest):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    mark.write_text(digest, encoding="utf-8")
    return work


_OWN = frozenset({CORPUS, REPORT, WORK, "near.jsonl"})


def _step(work: Path, name: str, make: Any) -> Spool:
    """Return the documents of a finished step, or make them: under their name only when whole."""
    folder = work / name
    if folder.is_dir():
        return open_spool(folder)
    part = work / "part"
    shutil.rmtree(part, ignore_errors=True)
    make(part)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part.rename(folder)
    return open_spool(folder)


def _read(work: Path, files: list[Source], field: str, listen: Listener) -> Spool:
    def documents(counts: list[int]) -> Iterator[tuple[str, Iterable[str]]]:
        for i, source in enumerate(files):
            found = pieces(source, field=field)
            for piece in found:
                parts = [piece]
                while not parts[-1].ends:
                    parts.append(next(found))
                counts[0] += sum(part.replaced for part in parts)
                yield piece.id, [part.text for part in parts]
            listen(Progress(stage="read", done=i + 1, total=len(files), what=source.name))

    def make(folder: Path) -> None:
        counts = [0]
        write_spool(folder, documents(counts))
        _put(work / "read.json", {"unreadable": counts[0]})

    return _step(work, "read", make)


def _near(work: Path, spool: Spool, threshold: float, listen: Listener) -> list[NearDuplicate]:
    """Return the near duplicates; signatures are kept as they are made, in steps."""
    work.mkdir(exist_ok=True)
    path, count = work / "signatures.npy", len(spool)
    done_path = work / "signatures.json"
    done = json.loads(done_path.read_text("utf-8")) if done_path.is_file() and path.is_file() else 0
    mode: Any = "r+" if done else "w+"
    made = np.memmap(path, dtype=np.uint64, mode=mode, shape=(count, BANDS))
    permutations = Permutations.of(0)
    for i in range(done, count):
        made[i] = permutations.signature(shingles(spool.text(i)))
        if (i + 1) % _STEP == 0 or i + 1 == count:
            made.flush()
            _put(done_path, i + 1)
            listen(Progress(stage="signatures", done=i + 1, total=count, what=f"document {i + 1}"))

    def met(done: int, total: int) -> None:
        if done % _STEP == 0 or done == total:
            listen(Progress(stage="near", done=done, total=total, what=f"document {done}"))

    return list(near_duplicates(spool.text, threshold=threshold, signatures=made, listen=met))


def _kept(work: Path, name: str, spool: Spool, near: list[NearDuplicate]) -> Spool:
    left_out = {each.document for each in near}

    def documents() -> Iterator[tuple[str, Iterable[str]]]:
        for i, name in enumerate(spool.ids()):
            if i not in left_out:
                yield name, [spool.text(i)]

    return _step(work, name, lambda folder: write_spool(folder, documents()))


def _exact(
    folder: Path, spool: Spool, least_bytes: int, memory_bytes: int, number: int, listen: Listener
) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "passes.json"
    before = json.loads(state.read_text("utf-8")) if state.is_file() else {}
    first = before["done"] if before.get("memory_bytes") == memory_bytes else 0

    def done(passes: int, total: int) -> None:
        _put(state, {"done": passes, "memory_bytes": memory_bytes})
        what = f"pass {passes}, round {number + 1}"
        listen(Progress(stage=f"exact, round {number + 1}", done=passes, total=total, what=what))

    return repeated_spans(
        spool.data,
        spool.bounds,
        least_bytes=least_bytes,
        memory_bytes=memory_bytes,
        marks=folder / "marks",
        first_pass=first,
        listen=done,
    )


def _write(out: Path, kept: Spool, were_empty: Set[str]) -> int:
    """Write what is left, and return how many documents came to nothing."""
    emptied = 0
    part = out / WORK / CORPUS
    with part.open("w", encoding="utf-8", errors=_ESCAPED) as file:
        for i, name in enumerate(kept.ids()):
            text = kept.text(i)
            if not text and name not in were_empty:
                emptied += 1
                continue
            file.write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")
    part.replace(out / CORPUS)
    return emptied


def _named(names: list[str], near: list[NearDuplicate]) -> list[dict[str, object]]:
    return [
        {
            "id": names[each.document],
            "resembles": names[each.kept],
            "similarity": round(each.similarity, 4),
        }
        for each in near
    ]


def _put_lines(path: Path, rows: list[dict[str, object]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8", errors=_ESCAPED)


def _put(path: Path, content: object) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
