"""The memorised-text filter on 100 MB of real text: speed, size, recall, and false alarms.

    python benchmarks/text_filter.py [--corpus-bytes 100000000]

The corpus is made, always the same, of what is installed: the shared texts, then documentation,
licences, docstrings and at last source code of the installed packages and of Python, each text
once. No text was repeated or varied to fill it. A fifth of the packages, chosen by a hash of their
names, stays out: their descriptions and docstrings are the outputs of a model that has not seen the
corpus, 4,500 characters each (about 1,000 tokens).

Times are CPU seconds of one thread; ratios are medians of those of one round each. "Normalising" is
`textindex.fold` on the same texts, in memory. A check is what the guard does for a whole text:
state, folding, scan. All bars hold in one configuration, the guard's own: blocks of 16 letters,
spans of 47, near copies looked for. So `check_over_normalise` is that of a check with near copies;
what it is without them is printed beside it, and it is that which `fmindex_over_ours` and
`rbloom_over_ours` compare, as these peers find exact spans only. A build goes from texts in memory
to files on disk, and begins as normalising alone does, knowing no character yet; a suffix array is
built of the whole folded corpus, in memory, and needs that folding, too. The FM-index is that of
10 MB, which favours it; rbloom's filter has the size that the corpus needs.

Planted: spans of exactly 47 folded letters of the corpus, written with other case, spaces,
punctuation and look-alikes, between unrelated words, in a stream cut anywhere. Near: 120 words of
prose, each replaced with probability 1/4 by another word; found means found by the near tier. A
clean output is one without an exact span in common with the corpus, and without a near copy: what
the near tier flags is looked up again with difflib, and is a false alarm unless half of it stands
together in the corpus. (Packages copy docstrings from one another; both numbers are printed.)
Flags of the exact tier are looked for in the folded corpus.

Streams: a guard process with and without the filter between a client and a server that writes
1,000 tokens, once at 500 tokens a second, faster than nearly all models write, and once all at
once; ratios of total wall time, of streams one right after the other. The bar is the worse of both.

Peers get an environment under .bench-envs, made at the first run.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from _serving.process import free_port, running

from reticent.config import load_guard
from reticent.guard.identity import open_key_changes
from reticent.guard.secrets import read_secret
from reticent.textindex import layout
from reticent.textindex.build import LEAST, _put_manifest
from reticent.textindex.fold import Fold
from reticent.textindex.index import Reading, TextIndex, open_index
from reticent.textindex.keys import IndexKey, make_key
from reticent.textindex.screen import ScreenMaker, ScreenRules
from reticent.textindex.segment import Document, padded, write_segment

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("RETICENT_DATA", ROOT.parent / "shared" / "data"))
ROUNDS = 5
CHECK_ROUNDS = 15
OUTPUT_CHARS = 4_500
MOST_OUTPUTS = 3_000
PLANTED = 3_000
NEAR = 1_000
NEAR_WORDS = 120
TOKENS = 1_000
PEERS = ("rbloom==1.5.4", "fm-index==4.0.0", "pydivsufsort==0.0.20", "numpy")
DOCSTRING = re.compile(r'"""(.+?)"""', re.DOTALL)
DOCUMENTS = ("*.rst", "*.md", "*.txt", "LICENSE*", "*.html")


# --- texts ----------------------------------------------------------------------------------------


def held_out(name: str) -> bool:
    """Return whether a package's texts are outputs and not corpus."""
    plain = re.split(r"[-.]", name.lower().replace("_", "-"))[0]
    return hashlib.sha256(plain.encode()).digest()[0] % 5 == 0


def files(pattern: str, wanted: Callable[[str], bool]) -> Iterator[Path]:
    site, std = (Path(sysconfig.get_path(where)) for where in ("purelib", "stdlib"))
    for top in sorted(site.iterdir()):
        if wanted(top.name) and top.name != "reticent":
            found = top.rglob(pattern) if top.is_dir() else [top][: top.match(pattern)]
            yield from sorted(found)
    if wanted("python"):
        yield from sorted(p for p in std.rglob(pattern) if "site-packages" not in p.parts)


def read(path: Path) -> str:
    try:
        return path.read_text("utf-8") if path.is_file() else ""
    except (UnicodeDecodeError, OSError):
        return ""


def corpus_of(size: int) -> tuple[list[str], int]:
    """Return texts of together `size` characters, and how many of them are prose."""
    texts: list[str] = []
    seen: set[bytes] = set()
    total = 0

    def add(text: str) -> bool:
        nonlocal total
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if len(text) >= 500 and digest not in seen:
            seen.add(digest)
            texts.append(text[: size - total])
            total += len(texts[-1])
        return total >= size

    def kept(name: str) -> bool:
        return not held_out(name)

    for path in sorted((DATA / "text").rglob("*.txt")):
        add(read(path))
    for pattern in DOCUMENTS:
        for path in files(pattern, kept):
            if add(read(path)):
                return texts, len(texts)
    said: set[str] = set()
    for path in files("*.py", kept):
        mine = [d for d in DOCSTRING.findall(read(path)) if len(d) >= 200 and d not in said]
        said.update(mine)
        if add("\n\n".join(mine)):
            return texts, len(texts)
    prose = len(texts)
    for path in files("*.py", kept):
        if add(DOCSTRING.sub("", read(path))):
            break
    return texts, prose


def outputs_of() -> list[str]:
    """Return texts of packages that the corpus does not hold: the first part of each."""
    found = []
    for path in files("METADATA", held_out):
        found.append(read(path).partition("\n\n")[2])
    for path in files("*.py", held_out):
        found.append("\n\n".join(d for d in DOCSTRING.findall(read(path)) if len(d) >= 200))
    texts = dict.fromkeys(text[:OUTPUT_CHARS] for text in found if len(text) >= OUTPUT_CHARS)
    return list(texts)[:MOST_OUTPUTS]


# --- time -----------------------------------------------------------------------------------------


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def build(texts: list[str], place: Path, key: IndexKey) -> None:
    """Write the index of texts that are in memory, as `reticent index` writes that of files."""
    fold = Fold()
    documents = []
    with (place / "corpus.segment").open("w+b", buffering=1 << 20) as out:
        out.write(bytes(layout.HEADER_BYTES))
        at = 0
        for number, text in enumerate(texts):
            folded = fold(text)
            documents.append(Document(str(number), at, len(folded)))
            size = padded(len(folded))
            out.write(folded)
            out.write(bytes(size - len(folded)))
            at += size
        write_segment(out, documents, [], key=key, least=LEAST)


def check(index: TextIndex, fold: Fold, outputs: list[str], *, near: bool) -> list[list[Any]]:
    return [Reading(index, None, near=near).read(fold(text)) for text in outputs]


def peers(folded: list[bytes], outputs: list[bytes]) -> dict[str, float]:
    home = ROOT / ".bench-envs" / "text-filter"
    python, stamp = home / "bin" / "python", home / "ready.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(PEERS):
        print(f"setting up {', '.join(PEERS)} ...", flush=True)
        venv.create(home, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", *PEERS]
        subprocess.run(command, check=True, timeout=900)
        stamp.write_text("\n".join(PEERS))
    with tempfile.TemporaryDirectory() as folder:
        corpus, asked = Path(folder) / "corpus", Path(folder) / "asked"
        corpus.write_bytes(b"".join(folded))
        asked.write_bytes(b"\n".join(outputs))
        done = subprocess.run(
            [python, HERE / "_peers" / "text_filter.py", corpus, asked, str(ROUNDS)],
            capture_output=True, text=True, timeout=1800,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told: dict[str, float] = json.loads(done.stdout)
    return told


# --- recall ---------------------------------------------------------------------------------------

ALIKE = {"a": "аα", "c": "сϲ", "e": "еｅ", "i": "іl1", "o": "оο0", "p": "рρ", "s": "ѕ𝐬", "x": "х"}


def disguised(text: str, rng: random.Random) -> str:
    said = []
    for character in text:
        small = character.lower()
        if small in ALIKE and rng.random() < 0.3:
            character = rng.choice(ALIKE[small])
        elif rng.random() < 0.5:
            character = character.swapcase()
        said.append(character)
        if rng.random() < 0.15:
            said.append(rng.choice([" ", "-", "\u200b", ".", "\n", "\u0301", "*", "  ", "_"]))
    return "".join(said)


def span(texts: list[str], fold: Fold, rng: random.Random) -> str:
    """Return a piece of the corpus that folds to exactly 47 bytes."""
    while True:
        text = rng.choice(texts)
        start = rng.randrange(len(text))
        piece = text[start : start + 400]
        if len(fold(piece)) > LEAST:
            piece = piece[: fold.place(piece, LEAST)]
        if len(fold(piece)) == LEAST and len(set(fold(piece))) > 8:
            return piece


def cut(text: str, rng: random.Random) -> Iterator[str]:
    at = 0
    while at < len(text):
        size = rng.choice((1, 2, 3, 5, 9, 40, 1000))
        yield text[at : at + size]
        at += size


WORDS = ["zebra", "quilts", "fascinate", "midnight", "plumbers", "orange", "teapots", "harbour"]


def planted_found(index: TextIndex, texts: list[str]) -> int:
    rng = random.Random(47)
    fold = Fold()
    maker = ScreenMaker(ScreenRules(index=index), fold)
    found = 0
    for _ in range(PLANTED):
        before = " ".join(rng.choices(WORDS, k=rng.randrange(12)))
        after = " ".join(rng.choices(WORDS, k=rng.randrange(12)))
        text = f"{before} {disguised(span(texts, fold, rng), rng)} {after}"
        screen = maker()
        found += any(screen.feed(piece).stop for piece in cut(text, rng)) or screen.end().stop
    return found


def is_copy(said: bytes, whole: bytes) -> bool:
    """Return whether half of a passage stands together in the corpus, looked up by other means."""
    for start in range(0, len(said) - 16, 3):
        at = whole.find(said[start : start + 16])
        while at >= 0:
            around = whole[max(0, at - 2 * len(said)) : at + 2 * len(said)]
            matcher = SequenceMatcher(None, said, around, autojunk=False)
            same = sum(b.size for b in matcher.get_matching_blocks() if b.size >= 6)
            if same >= 0.5 * len(said):
                return True
            at = whole.find(said[start : start + 16], at + 2 * len(said))
    return False


def near_recall(index: TextIndex, prose: list[str], fold: Fold, words: int) -> float:
    rng = random.Random(4)
    vocabulary = [word for text in rng.sample(prose, 300) for word in text.split()]
    found = asked = 0
    while asked < NEAR:
        said = rng.choice(prose).split()
        if len(said) <= words:
            continue
        start = rng.randrange(len(said) - words)
        copy = [
            rng.choice(vocabulary) if rng.random() < 0.25 else word
            for word in said[start : start + words]
        ]
        text = " ".join([*rng.choices(WORDS, k=20), *copy, *rng.choices(WORDS, k=20)])
        hits = Reading(index, None, near=True).read(fold(text))
        found += any(hit.near for hit in hits)
        asked += 1
    return found / asked


# --- streams --------------------------------------------------------------------------------------


async def serve(port: int, pieces: list[bytes], ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Serve streams; a question that says "slowly" gets them at 500 tokens a second."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))  # type: ignore[union-attr]  # ours sends it
                slowly = b"slowly" in await reader.readexactly(size)
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                    b"transfer-encoding: chunked\r\n\r\n"
                )
                start = time.monotonic()
                for number, piece in enumerate(pieces):
                    if slowly:
                        await asyncio.sleep(max(0, start + number / 500 - time.monotonic()))
                    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    await writer.drain()
                    if not slowly:
                        await asyncio.sleep(0)
                writer.write(b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", port)
    ready.set()
    async with server:
        await stop.wait()


async def ask(port: int, headers: str, slowly: bool) -> tuple[float, float, bytes]:
    """Return seconds to the first words, to the end, and all that came."""
    content = "slowly" if slowly else "now"
    question = {"model": "m", "stream": True, "messages": [{"role": "user", "content": content}]}
    body = json.dumps(question).encode()
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        b"content-type: application/json\r\n" + headers.encode()
        + b"content-length: %d\r\n\r\n" % len(body) + body
    )  # fmt: skip
    said, first = b"", 0.0
    while chunk := await reader.read(1 << 16):
        said += chunk
        if not first and b'"content":"' in said.replace(b'"content":""', b""):
            first = time.perf_counter() - start
        if b"[DONE]" in said:
            break
    total = time.perf_counter() - start
    writer.close()
    return first, total, said


async def streams(folder: Path, index: Path, text: str) -> dict[str, float]:
    """Return medians of seconds of guarded streams, with a filter and without."""
    tokens = re.findall(r"\s*\S{1,4}", text)[:TOKENS]
    tokens += ["word "] * (TOKENS - len(tokens))
    pieces = [_chunk({"content": token}, None) for token in tokens]
    pieces.append(_chunk({}, "stop") + b"data: [DONE]\n\n")
    port = free_port()
    ready, stop = asyncio.Event(), asyncio.Event()
    server = asyncio.create_task(serve(port, pieces, ready, stop))
    await ready.wait()
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        guards = {}
        for name, extra in (("plain", ""), ("filtered", f'text_filter = {{index = "{index}"}}')):
            guards[name] = _guard(stack, folder / name, port, extra)
        for slowly in (False, True):
            for turn in range(1 + ROUNDS * (1 if slowly else 6)):
                for name, (callers, headers) in guards.items():
                    first, total, said = await ask(callers, headers, slowly)
                    if said.count(b"chat.completion.chunk") < TOKENS or b"content_filter" in said:
                        raise RuntimeError(f"{name}: not the whole stream: {said[-500:]!r}")
                    if turn:
                        pace = "slow" if slowly else "fast"
                        found.setdefault(f"{name}_{pace}_s", []).append(total)
                        found.setdefault(f"{name}_{pace}_first_s", []).append(first)
    stop.set()
    await server
    told = {name: statistics.median(times) for name, times in found.items()}
    for pace in ("fast", "slow"):
        pairs = zip(found[f"filtered_{pace}_s"], found[f"plain_{pace}_s"], strict=True)
        told[f"{pace}_ratio"] = statistics.median(a / b for a, b in pairs)
    return told


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**frame, "choices": [choice]}).encode() + b"\n\n"


def _guard(stack: ExitStack, folder: Path, upstream: int, extra: str) -> tuple[int, str]:
    folder.mkdir()
    port = free_port()
    config = folder / "reticent.toml"
    config.write_text(
        f'[guard]\nlisten = "127.0.0.1:{port}"\nadmin = "127.0.0.1:{free_port()}"\n'
        '[[guard.endpoint]]\nmodel = "m"\nowner = "Benchmark"\nprotocol = "openai-chat"\n'
        f'upstream = "http://127.0.0.1:{upstream}"\ntask = "text"\nsensitivity = "internal"\n'
        f"limits.identity = {{rows_per_minute = 1e6, burst_rows = 100000}}\n{extra}\n"
    )
    file = load_guard(config)
    secret = read_secret(file, {})
    changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
    key = changes.issue(tenant="default", identity="b", models=("m",), lifetime_s=None)
    changes.close()
    command = [sys.executable, HERE / "_serving" / "guard.py", config]
    stack.enter_context(running(command, port=port, core=None, folder=folder))
    return port, f"authorization: Bearer {key.key.text}\r\n"


# --- all of it ------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus-bytes", type=int, default=100_000_000)
    size = parser.parse_args().corpus_bytes
    texts, n_prose = corpus_of(size)
    outputs = outputs_of()
    total = sum(map(len, texts))
    prose_chars = sum(map(len, texts[:n_prose]))
    print(f"corpus: {len(texts)} texts, {total:,} characters, {prose_chars:,} of them prose")
    fold = Fold()
    folded = [fold(text) for text in texts]
    letters = sum(map(len, folded))
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "index"
        place.mkdir()
        key = make_key(place / "key")
        build(texts[:50], place, key)  # compiled
        ours: list[float] = []
        alone: list[float] = []
        for _ in range(ROUNDS):
            start = time.process_time()
            new = Fold()  # as a build begins with
            for text in texts:
                new(text)
            alone.append(time.process_time() - start)
            (place / "corpus.segment").unlink()
            start = time.process_time()
            build(texts, place, key)
            ours.append(time.process_time() - start)
        normalise_s, build_s = statistics.median(alone), statistics.median(ours)
        build_ratio = statistics.median(a / b for a, b in zip(alone, ours, strict=True))
        _put_manifest(place, ["corpus.segment"], LEAST, False)
        index = open_index(place)
        beside = sum(segment.bytes_beside_text for segment in index.segments) / total
        print(
            f"normalising {total / normalise_s / 1e6:.0f} MB/s, build {total / build_s / 1e6:.0f} "
            f"MB/s; {letters / total:.3f} letters a character; index {beside:.3f} bytes a "
            f"character beside the text; {index.segments[0].entries:,} blocks"
        )
        hits = check(index, fold, outputs, near=True)
        whole = b"\0".join(folded)
        exact = unverified = 0
        clean, alarms, copies = [], 0, 0
        for text, found in zip(outputs, hits, strict=True):
            spans = [hit for hit in found if not hit.near]
            said = fold(text)
            unverified += sum(
                said[end - LEAST : end] not in whole
                for hit in spans[:3]
                for end in {hit.known, (hit.known + hit.end) // 2, hit.end}
            )
            exact += bool(spans)
            if not spans:
                clean.append(text)
                if found and is_copy(said[found[0].start : found[0].end], whole):
                    copies += 1
                elif found:
                    alarms += 1
        print(
            f"outputs: {len(outputs)}, {exact} with a span of the corpus, {unverified} of these "
            f"flags not in it; of {len(clean)} others {copies + alarms} flagged as near copies, "
            f"{copies} of these are some by difflib"
        )
        few = clean[:600]
        rounds = [
            [
                seconds(work) / len(few)
                for work in (
                    lambda: [fold(text) for text in few],
                    lambda: check(index, fold, few, near=False),
                    lambda: check(index, fold, few, near=True),
                )
            ]
            for _ in range(CHECK_ROUNDS)
        ]
        norm_check_s, exact_s, near_s = (
            statistics.median(each) for each in zip(*rounds, strict=True)
        )
        over = [statistics.median(each[k] / each[0] for each in rounds) for k in (1, 2)]
        print(
            f"check of {OUTPUT_CHARS} characters: {1e6 * exact_s:.1f} us exact, {1e6 * near_s:.1f} "
            f"us with near copies; normalising alone {1e6 * norm_check_s:.1f} us "
            f"({over[0]:.2f} times exact, {over[1]:.2f} with near copies)"
        )
        theirs = peers(folded, [fold(text) for text in few[:200]])
        tables_s = build_s - normalise_s
        print(
            f"build {build_s:.3f} s, normalising alone {normalise_s:.3f} s, suffix array "
            f"{theirs['pydivsufsort_build_s']:.3f} s; counting the folding for neither "
            f"{theirs['pydivsufsort_build_s'] / tables_s:.1f} times"
        )
        print(f"peers: {json.dumps({k: float(f'{v:.4g}') for k, v in theirs.items()})}")
        suffix_s = normalise_s + theirs["pydivsufsort_build_s"]
        planted = planted_found(index, texts)
        recall = {
            words: near_recall(index, texts[:n_prose], fold, words)
            for words in (60, NEAR_WORDS, 300)
        }
        print(f"planted: {planted} of {PLANTED} found; near copies by words: {recall}")
        timed = asyncio.run(streams(Path(name), place, clean[0]))
        print(f"streams: {json.dumps({k: round(v, 4) for k, v in timed.items()})}")
        ratios = [timed[f"{pace}_ratio"] for pace in ("fast", "slow")]
        print(f"stream time ratio: {ratios[0]:.3f} at once, {ratios[1]:.3f} at 500 tokens a second")
    bars = {
        "check_over_normalise": over[1],
        "fmindex_over_ours": theirs["fmindex_check_s"] / exact_s,
        "rbloom_over_ours": theirs["rbloom_check_s"] / exact_s,
        "build_over_normalise": build_ratio,
        "build_over_pydivsufsort": suffix_s / build_s,
        "index_bytes_per_corpus_byte": beside,
        "planted_found": planted,
        "unverified_flags": unverified,
        "near_recall": recall[NEAR_WORDS],
        "near_false": alarms / (len(clean) - copies),
        "stream_time_ratio": max(ratios),
    }
    print(json.dumps({"bars": {name: round(value, 4) for name, value in bars.items()}}))


if __name__ == "__main__":
    main()
