"""A process that writes a journal until it is killed, and says which rows it was promised.

    python writing.py FILE CALLERS

Each line of standard output is the time of one row that `append` has said is on disk.
"""

import asyncio
import itertools
import os
import sys
import time
from pathlib import Path

from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.sqlite import sqlite_journal
from reticent.guard.types import Entry


async def write(path: Path, callers: int) -> None:
    journal = sqlite_journal(
        path,
        journal_keys(bytes(range(32))),
        clock=time.time,
        anchors=path.with_name("anchors.jsonl"),
        checkpoint_rows=100,
    )
    numbers = itertools.count(time.time_ns() // 1000)

    async def one() -> None:
        while True:
            number = next(numbers)
            entry = Entry(time_s=float(number), kind="query", identity="ann", rows=1)
            await journal.append(entry, durable=number % 3 != 0)
            if number % 3 != 0:
                os.write(1, b"%d\n" % number)

    await asyncio.gather(*(one() for _ in range(callers)))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
