"""Real processes that are killed, real disks that are full, two writers of one file."""

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reticent.core import BadInput
from reticent.guard.journal.chain import entry_of
from reticent.guard.journal.checkpoint import anchors
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.sqlite import GUARD, SqliteStore, sqlite_journal
from reticent.guard.journal.verify import verify
from reticent.guard.types import JournalDown

from .conftest import entry

Clock = Callable[[], float]
WRITING = Path(__file__).with_name("writing.py")


def started(path: Path) -> "subprocess.Popen[bytes]":
    source = str(Path(__file__).parents[3] / "src")
    return subprocess.Popen(
        [sys.executable, str(WRITING), str(path), "16"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": source},
    )


def killed(process: "subprocess.Popen[bytes]", after_rows: int) -> set[float]:
    """Kill a writer once it has promised so many rows; return all that it promised."""
    assert process.stdout is not None
    promised = [process.stdout.readline() for _ in range(after_rows)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=20)
    whole = [line for line in (b"".join(promised) + rest).split(b"\n")[:-1] if line]
    return {float(line) for line in whole}


def test_kill_9_loses_no_promised_row_and_the_chain_goes_on(path: Path, keys: JournalKeys) -> None:
    promised: set[float] = set()
    for _ in range(3):
        promised |= killed(started(path), after_rows=400)
        store = SqliteStore(path)
        kept = [entry_of(row.payload).time_s for row in store.rows(GUARD)]
        report = verify(store, keys, anchors=anchors(path.with_name("anchors.jsonl")))
        store.close()
        assert promised <= set(kept)
        assert len(kept) == len(set(kept))
        assert not report.problems
    assert len(promised) >= 1200


def test_one_process_alone_writes_a_file(path: Path, keys: JournalKeys, clock: Clock) -> None:
    process = started(path)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        with pytest.raises(BadInput, match="another process"):
            sqlite_journal(path, keys, clock=clock)
    finally:
        killed(process, after_rows=1)

    async def use() -> None:
        journal = sqlite_journal(path, keys, clock=clock)
        with pytest.raises(BadInput, match="another process"):
            sqlite_journal(path, keys, clock=clock)  # nor the same one twice
        await journal.close()

    asyncio.run(use())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of one megabyte, or a folder where files may not get larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() == 0 and shutil.which("mount") and not subprocess.run(mount).returncode:
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, before[1]))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def room_again(folder: Path) -> None:
    if os.path.ismount(folder):
        subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)
    else:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit[1], limit[1]))


def test_a_full_disk_shuts_everybody_out_and_nothing_is_half_written(
    small_disk: Path, keys: JournalKeys, clock: Clock
) -> None:
    path = small_disk / "journal.sqlite"
    promised: list[float] = []
    long = {"text": "x" * 2000}

    async def use() -> int:
        journal = sqlite_journal(path, keys, clock=clock, probe_s=0.02)
        unpromised = 0

        async def fill() -> None:
            nonlocal unpromised
            for i in range(5_000):
                await journal.append(entry(i, detail=long), durable=i % 2 == 0)
                if i % 2 == 0:
                    promised.append(entry(i).time_s)
                else:
                    unpromised += 1

        with pytest.raises(JournalDown):
            await fill()
        for durable in (False, True):
            with pytest.raises(JournalDown):
                await journal.append(entry(1), durable=durable)
        assert "full" in journal.down or "disk I/O" in journal.down
        room_again(small_disk)
        until_s = time.monotonic() + 20
        while journal.down and time.monotonic() < until_s:
            await asyncio.sleep(0.01)
        await journal.append(entry(9_999), durable=True)
        await journal.close()
        return unpromised

    unpromised = asyncio.run(use())
    store = SqliteStore(path)
    told = [entry_of(row.payload) for row in store.rows(GUARD)]
    report = verify(store, keys)
    store.close()
    times = [e.time_s for e in told if e.kind == "query"]
    assert set(promised) <= set(times)
    assert len(times) == len(set(times)) == len(promised) + unpromised + 1
    assert [e.outcome for e in told if e.kind == "outage"] == ["over"]
    assert not report.problems


def test_closing_with_a_full_disk_says_what_is_lost(
    small_disk: Path, keys: JournalKeys, clock: Clock
) -> None:
    path = small_disk / "journal.sqlite"

    async def use() -> None:
        # One commit of 2 MB: what fails is never small enough to fit when it is tried again.
        journal = sqlite_journal(path, keys, clock=clock, probe_s=0.02, linger_s=60)
        with suppress(JournalDown):
            for i in range(2_000):
                await journal.append(entry(i, detail={"text": "x" * 2000}), durable=False)
        until_s = time.monotonic() + 20
        while not journal.down and time.monotonic() < until_s:
            await asyncio.sleep(0.01)
        assert journal.down
        with pytest.raises(JournalDown, match="lost"):
            await journal.close()

    asyncio.run(use())
    store = SqliteStore(path)
    assert not verify(store, keys).problems
    store.close()
