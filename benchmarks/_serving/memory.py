"""The resident memory of a process and its children, watched."""

import asyncio
import statistics
import time
from contextlib import suppress
from pathlib import Path

from _serving.process import family


class Memory:
    """Resident memory of a process and its children, in MiB, a sample a second."""

    FIELDS = ("VmRSS", "RssAnon", "RssFile", "RssShmem")

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.samples: list[dict[str, float]] = []

    async def watch(self) -> None:
        start_s = time.monotonic()
        while True:
            self.samples.append(self.now())
            if len(self.samples) % 60 == 0:
                print(f"{len(self.samples):5} s {shown(self.samples[-1])}", flush=True)
            await asyncio.sleep(max(0.0, start_s + len(self.samples) - time.monotonic()))

    def now(self) -> dict[str, float]:
        found = dict.fromkeys(self.FIELDS, 0.0)
        for pid in family(self._pid):
            with suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    name, _, value = line.partition(":")
                    if name in found:
                        found[name] += int(value.split()[0]) / 1024
        return found

    def median(self, start: int, end: int) -> dict[str, float]:
        some = self.samples[start:end]
        return {name: statistics.median(each[name] for each in some) for name in self.FIELDS}


def shown(sample: dict[str, float]) -> str:
    return ", ".join(f"{name} {mib:.1f} MiB" for name, mib in sample.items())
