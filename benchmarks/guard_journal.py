"""The journal: what grouping commits gains, and what `kill -9` under load loses.

Takes no arguments. Two sections, each measured anew in this run:

1. Durable rows a second (an append returns when its row is on disk: WAL, synchronous=FULL):
   128 concurrent callers whose waiting rows share a commit, over the same journal with one row a
   transaction and the same callers. 128 is what two models' connections (64 each, by default) let
   through at once. Ten interleaved rounds after one to warm up; the ratio is taken in each round,
   the median counts. What 32 and 64 callers gain is printed beside it: no group is larger than
   there are callers, and with few of them loop, writer and disk take turns, waiting for each other.
   Also the event loop's CPU time for an append.
2. Twenty times: a process writes with 16 callers and says which rows `append` has promised; it is
   killed with -9 at a random moment, and the file is opened again and verified, anchors included.
   A row counts as lost if it was promised and is not there. All twenty write one file.

The last line is JSON.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from reticent.guard.journal.chain import entry_of
from reticent.guard.journal.checkpoint import anchors
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.sqlite import GUARD, SqliteStore, sqlite_journal
from reticent.guard.journal.verify import verify
from reticent.guard.types import Entry

ROOT = Path(__file__).resolve().parents[1]
WRITING = ROOT / "tests" / "guard" / "journal" / "writing.py"
KEYS = journal_keys(bytes(range(32)))
ROUNDS = 10
ROUND_S = 1.0
CALLERS = 128
FEWER_CALLERS = (32, 64)
KILLS = 20
ENTRY = Entry(
    time_s=1_700_000_000.0,
    kind="query",
    tenant="default",
    identity="68c8a79fc943bf1a",
    token="1f3a79fc943bf168",
    network="c94368c8a79fbf1a",
    model="risk",
    rows=1,
    outcome="answered",
    status=200,
    policy="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    fingerprints=(bytes(range(16)),),
)


async def durable_rows_per_s(folder: Path, most_rows: int, callers: int) -> float:
    """Return rows a second that so many callers get on disk, at most `most_rows` a commit."""
    journal = sqlite_journal(
        folder / "journal.sqlite",
        KEYS,
        clock=time.time,
        anchors=folder / "anchors.jsonl",
        most_rows=most_rows,
    )
    kept = 0
    until_s = time.perf_counter() + ROUND_S

    async def one() -> None:
        nonlocal kept
        while time.perf_counter() < until_s:
            await journal.append(ENTRY, durable=True)
            kept += 1

    started_s = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(callers)))
    rate = kept / (time.perf_counter() - started_s)
    await journal.close()
    if journal.head.length != kept:
        raise RuntimeError(f"{kept} rows were promised, {journal.head.length} are there")
    return rate


async def append_cpu_us(folder: Path, *, durable: bool) -> float:
    """Return the event loop's own CPU time for an append, in microseconds."""
    journal = sqlite_journal(folder / "journal.sqlite", KEYS, clock=time.time)
    loops = 100
    before_s = time.thread_time()
    for _ in range(loops):
        await asyncio.gather(*(journal.append(ENTRY, durable=durable) for _ in range(CALLERS)))
    spent_s = time.thread_time() - before_s
    await journal.close()
    return spent_s / loops / CALLERS * 1e6


def grouped_over_single() -> float:
    """Print all rounds and return the median ratio."""
    ratios: dict[int, list[float]] = {callers: [] for callers in (*FEWER_CALLERS, CALLERS)}
    for number in range(ROUNDS + 1):
        single = rate(1, CALLERS)
        grouped = {callers: rate(1_000, callers) for callers in ratios}
        said = "   ".join(f"{rows:8.0f}/s ({callers})" for callers, rows in grouped.items())
        note = "  (to warm up)" if number == 0 else ""
        gained = grouped[CALLERS] / single
        print(f"  single {single:6.0f}/s   grouped {said}   {gained:5.1f}{note}", flush=True)
        if number:
            for callers, rows in grouped.items():
                ratios[callers].append(rows / single)
    for callers, found in ratios.items():
        print(f"  {callers} callers: {statistics.median(found):.1f} times single commits")
    return statistics.median(ratios[CALLERS])


def rate(most_rows: int, callers: int) -> float:
    """Return what `durable_rows_per_s` measures with a journal of its own."""
    with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks") as folder:
        return uvloop.run(durable_rows_per_s(Path(folder), most_rows, callers))


def promised_until_killed(path: Path, wait_s: float) -> set[float]:
    """Run a writer, kill it so long after its first promise, and return its promises."""
    process = subprocess.Popen(
        [sys.executable, str(WRITING), str(path), "16"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    if process.stdout is None:
        raise RuntimeError("the writer says nothing")
    said = [process.stdout.readline()]
    until_s = time.monotonic() + wait_s
    while time.monotonic() < until_s:
        said.append(process.stdout.readline())
    process.kill()
    rest, _ = process.communicate(timeout=30)
    return {float(line) for line in (b"".join(said) + rest).split(b"\n")[:-1]}


def killed_writers() -> tuple[int, int]:
    """Return how many promised rows are lost over all kills, and after how many it verified."""
    rng = random.Random(20)
    lost = whole = 0
    promised: set[float] = set()
    with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks") as folder:
        path = Path(folder) / "journal.sqlite"
        for number in range(KILLS):
            promised |= promised_until_killed(path, rng.uniform(0.0, 0.6))
            store = SqliteStore(path)
            kept = [entry_of(row.payload).time_s for row in store.rows(GUARD)]
            report = verify(store, KEYS, anchors=anchors(path.with_name("anchors.jsonl")))
            store.close()
            lost += len(promised - set(kept))
            whole += not report.problems and len(kept) == len(set(kept))
            print(f"  {number + 1:2}: {len(promised)} promised, {len(kept)} kept, {lost} lost")
    return lost, whole


def main(arguments: Sequence[str]) -> None:
    if arguments:
        raise SystemExit("it takes no arguments")
    print(f"Durable rows, {CALLERS} callers, {ROUND_S:g} s a round:")
    ratio = grouped_over_single()
    for durable in (False, True):
        with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks") as folder:
            cost_us = uvloop.run(append_cpu_us(Path(folder), durable=durable))
        print(f"Event loop, durable={durable}: {cost_us:.1f} CPU us an append, task included")
    print(f"kill -9 under load, {KILLS} times:")
    lost, whole = killed_writers()
    bars = {
        "grouped_over_single": round(ratio, 2),
        "rows_lost": lost,
        "chains_verified": whole,
    }
    print(json.dumps({"bars": bars}))


if __name__ == "__main__":
    main(sys.argv[1:])
