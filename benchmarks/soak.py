"""Whether a guard's memory stays flat under a long mixed load, and nothing of it is miscounted.

    python benchmarks/soak.py [--minutes 10] [--rate 150]

`reticent guard` in a process of its own, before a model server in another. Callers ask at a fixed,
moderate rate all the time, see `_serving/callers.py`: good rows and batches, chat and streamed
chat, and every sort of refusal; new identities (tokens) and new address ranges come and go, so
that what the guard keeps of each must be given up again; connections are closed and made anew.
An operator changes a key every 7 s, has the configuration read again every 20 s (another policy,
SIGHUP), and reads metrics and readiness every 5 s.

The resident memory of the guard, its children included, is read every second. Bar: `memory_growth`,
the median of the last 30 s over the median of the 30 s around the end of the first minute. The
script also prints what grew: private memory, and files mapped.

Afterwards the guard is stopped with SIGTERM, and everything must add up: statuses and rows that
callers got, the guard's metrics, and its journal, which must verify. If not, the script fails.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import urllib3
from _serving.callers import (
    AUDIENCE,
    ISSUER,
    KINDS,
    MOST_BODY_BYTES,
    MOST_ROWS,
    Callers,
    Credentials,
    by_status,
)
from _serving.memory import Memory, shown
from _serving.process import cpu_s, free_port, running
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sklearn.datasets import load_breast_cancer

SERVING = Path(__file__).resolve().parent / "_serving"
RETICENT = Path(sys.executable).with_name("reticent")
SEED = 20260101
WARM_S, MEDIAN_S = 60, 30
CONNECTIONS = 16
KEY_EVERY_S, RELOAD_EVERY_S, LOOK_EVERY_S = 7.0, 20.0, 5.0

CONFIG = """
[[policy]]
name = "rounded"
defences = [{{kind = "round", digits = {digits}}}, {{kind = "top_k", k = 1}}]
[[policy]]
name = "plain"
defences = []
[guard]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
max_body_bytes = {most_body_bytes}
drain_s = 5.0
[guard.jwt]
issuer = "{issuer}"
audience = "{audience}"
jwks = "jwks.json"
[guard.proxy]
networks = ["127.0.0.1/32"]
address_header = "X-Forwarded-For"
[[guard.endpoint]]
model = "cancer"
owner = "Soak"
protocol = "open-inference"
upstream = "http://127.0.0.1:{model}"
policy = "rounded"
classes = [0, 1]
sensitivity = "internal"
max_rows = {most_rows}
inputs = [
{inputs}
]
limits.identity = {{rows_per_minute = 1e6, burst_rows = 1000000, concurrent = 64}}
[[guard.endpoint]]
model = "strict"
owner = "Soak"
protocol = "open-inference"
upstream = "http://127.0.0.1:{model}"
policy = "rounded"
classes = [0, 1]
row_shape = [30]
limits.identity = {{lifetime_rows = 1000000, rolling = [{{rows = 100000, days = 1}}]}}
[[guard.endpoint]]
model = "writer"
owner = "Soak"
protocol = "openai-chat"
task = "text"
upstream = "http://127.0.0.1:{model}"
policy = "plain"
sensitivity = "internal"
limits.identity = {{rows_per_minute = 1e6, lifetime_rows = 1000000000}}
"""

#: What the guard's metrics and journal call the end of a request -> the status that callers get.
STATUS_OF = {
    "answered": 200,
    "unauthenticated": 401,
    "not found": 404,
    "unreadable": 400,
    "too long": 413,
    "too many rows": 413,
    "invalid input": 422,
    "rate": 429,
    "concurrent": 429,
    "lifetime": 429,
    "rolling": 429,
    "gone": 0,
}


class Operator:
    """Changes keys and the configuration, and looks at the guard, while callers ask."""

    def __init__(self, folder: Path, settings: dict[str, object], guard_pid: int) -> None:
        self.path = folder / "reticent.toml"
        self._settings = settings
        self._pid = guard_pid
        self.changes: Counter[str] = Counter()

    async def change_keys(self, credentials: Credentials) -> None:
        number = 0
        while True:
            await asyncio.sleep(KEY_EVERY_S)
            number += 1
            issued = await self.issue(f"visitor-{number}")
            await asyncio.sleep(2.5)  # every guard has seen it by then
            old, credentials.short_lived = credentials.short_lived, issued
            await self._run("revoke", old.split("_")[1])
            self.changes["keys"] += 2

    async def issue(self, identity: str) -> str:
        """Return a new key, good for all models."""
        return await self._run("issue", "--identity", identity, "--model", "*")

    async def _run(self, command: str, *words: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            [RETICENT, "keys", command, self.path, *words],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"reticent keys {command}: {done.stderr}")
        return done.stdout.strip()

    async def reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_EVERY_S)
            self.changes["reloads"] += 1
            digits = 2 + self.changes["reloads"] % 2
            written = self.path.with_suffix(".new")
            written.write_text(CONFIG.format(**self._settings, digits=digits))
            written.replace(self.path)
            os.kill(self._pid, signal.SIGHUP)

    async def look(self, admin: int) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for page in ("metrics", "readyz"):
                reply = await asyncio.to_thread(_get, admin, page)
                if reply.status != 200:
                    raise RuntimeError(f"/{page}: {reply.status} {reply.data!r}")
                self.changes["looks"] += 1


async def soak(
    callers: Callers, operator: Operator, memory: Memory, admin: int, *, rate: float, seconds: float
) -> None:
    side = (
        operator.change_keys(callers.credentials),
        operator.reload(),
        operator.look(admin),
        memory.watch(),
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in side]
        await callers.ask(rate=rate, seconds=seconds, connections=CONNECTIONS)
        for task in tasks:
            task.cancel()


def check_sums(callers: Callers, exposition: str, journal: list[dict[str, object]]) -> None:
    """Raise RuntimeError unless callers, metrics and journal agree to the request and the row."""
    got = by_status(callers.statuses, tuple(KINDS))
    counted: Counter[int] = Counter()
    for outcome, times in re.findall(
        r'^reticent_requests_total\{.*outcome="([^"]*)"\} (\S+)', exposition, re.MULTILINE
    ):
        counted[STATUS_OF[outcome]] += int(float(times))
    rows = sum(float(n) for n in re.findall(r"^reticent_rows_total\{.*\} (\S+)", exposition, re.M))
    kept: Counter[int] = Counter({0: got[0]})  # who hangs up before the end has asked nothing
    kept_rows = 0
    for entry in journal:
        if entry["kind"] == "query":
            kept[200] += 1
            kept_rows += int(str(entry["rows"]))
        elif entry["kind"] == "refusal":
            detail = entry["detail"]
            assert isinstance(detail, dict)  # noqa: S101
            kept[STATUS_OF[str(entry["outcome"])]] += detail["times"]
    print(f"callers got {dict(sorted(got.items()))}, {callers.rows_answered} rows")
    print(f"metrics say {dict(sorted(counted.items()))}, {rows:.0f} rows")
    print(f"journal has {dict(sorted(kept.items()))}, {kept_rows} rows")
    if not (got == counted == kept and callers.rows_answered == rows == kept_rows):
        raise RuntimeError("callers, metrics and journal do not agree")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=150.0, help="requests a second")
    wanted = parser.parse_args()
    seconds = 60 * wanted.minutes
    if seconds < WARM_S + 1.5 * MEDIAN_S:
        parser.error("--minutes must be 2 or more: the first is not measured")
    os.nice(10)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with the script
    x = load_breast_cancer().data
    with tempfile.TemporaryDirectory(prefix="soak-") as made:
        folder = Path(made)
        model, port, admin = free_port(), free_port(), free_port()
        settings: dict[str, object] = {
            "port": port,
            "admin": admin,
            "model": model,
            "most_body_bytes": MOST_BODY_BYTES,
            "most_rows": MOST_ROWS,
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "inputs": "\n".join(
                f'  {{name = "c{i}", low = 0.0, high = {2 * x[:, i].max():.6g}}},'
                for i in range(x.shape[1])
            ),
        }
        path = folder / "reticent.toml"
        path.write_text(CONFIG.format(**settings, digits=2))
        credentials = Credentials(key="", short_lived="", signer=Ed25519PrivateKey.generate())
        (folder / "jwks.json").write_text(credentials.jwks())
        with running([sys.executable, SERVING / "model.py", str(model)], port=model, core=None,
                     folder=folder):  # fmt: skip
            with running([RETICENT, "guard", path], port=port, core=None, folder=folder) as pid:
                operator, memory = Operator(folder, settings, pid), Memory(pid)
                credentials.key = asyncio.run(operator.issue("steady"))
                credentials.short_lived = asyncio.run(operator.issue("visitor-0"))
                time.sleep(2.5)
                callers = Callers(
                    port=port, credentials=credentials, rows=x, rng=np.random.default_rng(SEED)
                )
                asyncio.run(
                    soak(callers, operator, memory, admin, rate=wanted.rate, seconds=seconds)
                )
                spent_s = cpu_s(pid)
                exposition = _settled(admin)
            log = (folder / f"reticent-{port}.log").read_text()
        check_sums(callers, exposition, _journal(path))
    asked = sum(callers.statuses.values())
    print(
        f"{asked} requests in {seconds:.0f} s ({callers.late} late), {dict(operator.changes)}; "
        f"{1e6 * spent_s / asked:.0f} CPU us each"
    )
    worse = [line for line in log.splitlines() if '"level": "error"' in line]
    if worse:
        raise RuntimeError(f"the guard logged {len(worse)} errors, such as {worse[0]}")
    early = memory.median(WARM_S - MEDIAN_S // 2, WARM_S + MEDIAN_S // 2)
    late = memory.median(len(memory.samples) - MEDIAN_S, len(memory.samples))
    print(f"after a minute: {shown(early)}\nat the end:     {shown(late)}")
    print(json.dumps({"bars": {"memory_growth": round(late["VmRSS"] / early["VmRSS"], 4)}}))


def _journal(path: Path) -> list[dict[str, object]]:
    """Return the entries of a stopped guard's journal, which must verify."""
    verified = subprocess.run(
        [RETICENT, "journal", "verify", path, "--json"], capture_output=True, text=True
    )
    if verified.returncode:
        raise RuntimeError(f"the journal does not verify: {verified.stdout}{verified.stderr}")
    exported = subprocess.run(
        [RETICENT, "journal", "export", path], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in exported.stdout.splitlines()]


def _settled(admin: int) -> str:
    """Return the metrics once no request is under way."""
    for _ in range(100):
        exposition = _get(admin, "metrics").data.decode()
        if "reticent_in_flight 0.0" in exposition:
            return exposition
        time.sleep(0.1)
    raise RuntimeError("requests are still under way ten seconds after the last")


def _get(admin: int, page: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"http://127.0.0.1:{admin}/{page}", timeout=10, retries=False)


if __name__ == "__main__":
    main()
