"""Whether limits that several guards share hold to the row.

    python benchmarks/guard_limits.py

4 replicas, each a process, with 64 clients in all, race for the same allowance on a real Valkey
(in a folder of its own, on loopback): 20 runs, each on fresh keys, in turn for a lifetime budget, a
rolling budget, a burst, and all at once with batches of several rows. In every fourth round the
store is killed (-9) in the middle and comes back from its own file. Then the store is killed for
good and every replica takes all it can get alone, of keys that are fresh and of some part spent.

Bars: `rows_over` is the sum over the runs of the rows admitted over the allowance; `outage_over`
the most rows that one replica admits over allowance / 4 without the store. Also printed: rows
admitted, and CPU of a replica and round trips for each admission.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPLICAS = 4
CLIENTS = 64
RUNS = 20
ALLOWANCE_ROWS = 2000
SLOW_PER_MINUTE = 1e-3  # nothing comes back within a run
DAY_S = 86_400.0
KINDS = ("lifetime", "rolling", "burst", "all")
KILL_EVERY = 4
PART_ROWS = 10


def scopes_of(kind: str, run: str) -> list:
    from reticent.guard.types import Scope

    lifetime = Scope(key=f"{run}:l", lifetime_rows=ALLOWANCE_ROWS)
    rolling = Scope(key=f"{run}:r", rolling=((ALLOWANCE_ROWS, DAY_S),))
    burst = Scope(key=f"{run}:b", rows_per_minute=SLOW_PER_MINUTE, burst_rows=ALLOWANCE_ROWS)
    bounded = Scope(
        key=f"{run}:o",
        rows_per_minute=SLOW_PER_MINUTE,
        burst_rows=ALLOWANCE_ROWS // 2,
        lifetime_rows=ALLOWANCE_ROWS,
        rolling=((ALLOWANCE_ROWS, DAY_S),),
    )
    one = {"lifetime": [lifetime], "rolling": [rolling], "burst": [burst], "bounded": [bounded]}
    return one.get(kind) or [lifetime, rolling, burst]


async def replica(url: str, state: str) -> None:
    """Take orders (one JSON line each) and print what was admitted."""
    from reticent.guard.limits.valkey import SharedLimits

    limits = SharedLimits(
        url, replicas=REPLICAS, clock=time.time, state=Path(state), name=Path(state).name
    )

    async def client(number: int, order: dict) -> int:
        rows, admitted, refused = 1 + number % order["rows"], 0, 0
        scopes = scopes_of(order["kind"], order["run"])
        while refused < 3 and admitted < order.get("most", ALLOWANCE_ROWS):
            admission = await limits.admit(scopes, rows, sensitive=order["sensitive"])
            admitted += rows * admission.granted
            if admission.reason == "store away" and order["sensitive"]:
                await asyncio.sleep(0.01)  # until the store is back
            elif not admission.granted:
                refused, rows = refused + 1, 1
        return admitted

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        cpu_s = time.process_time()
        admitted = sum(
            await asyncio.gather(*[client(i, order) for i in range(CLIENTS // REPLICAS)])
        )
        answer = {"rows": admitted, "cpu_s": time.process_time() - cpu_s, "store": limits.store}
        print(json.dumps(answer), flush=True)
    await limits.close()


class Replicas:
    """The replicas' processes."""

    def __init__(self, url: str, folder: Path) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._all = [
            subprocess.Popen(
                [sys.executable, __file__, "replica", url, folder / f"replica{i}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for i in range(REPLICAS)
        ]

    def begin(self, **order: object) -> None:
        for one in self._all:
            if one.stdin is not None:
                one.stdin.write(json.dumps(order) + "\n")
                one.stdin.flush()

    def answers(self) -> list[dict]:
        return [json.loads(one.stdout.readline()) for one in self._all if one.stdout is not None]

    def stop(self) -> None:
        for one in self._all:
            one.kill()
            one.communicate()


def round_trips(port: int) -> int:
    import valkey

    with valkey.Valkey(port=port) as client:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from guard.served_store import ServedStore

    rows_over = 0
    cpu_s = admissions = trips = 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        ServedStore(Path(folder) / "store", appendonly="yes", appendfsync="always") as store,
    ):
        replicas = Replicas(store.url, Path(folder))
        try:
            replicas.begin(kind="burst", run="warm", rows=1, sensitive=True)
            replicas.answers()
            for run in range(RUNS):
                kind = KINDS[run % len(KINDS)]
                killed = run // len(KINDS) % KILL_EVERY == 1
                before = round_trips(store.port)
                rows = 8 if kind == "all" else 1
                replicas.begin(kind=kind, run=str(run), rows=rows, sensitive=True)
                if killed:
                    time.sleep(0.05)
                    store.kill()
                    store.start()
                answers = replicas.answers()
                admitted = sum(one["rows"] for one in answers)
                rows_over += max(0, admitted - ALLOWANCE_ROWS)
                if not killed and rows == 1:
                    cpu_s += sum(one["cpu_s"] for one in answers)
                    admissions += admitted
                    trips += round_trips(store.port) - before
                print(
                    f"run {run:2} {kind:8} {'store killed' if killed else '':12} "
                    f"admitted {admitted} of {ALLOWANCE_ROWS}"
                )
            outage_over = 0
            for kind in (
                *KINDS,
                "bounded",
            ):  # each replica sees these keys, so it knows what is left
                replicas.begin(
                    kind=kind, run=f"away-{kind}", rows=1, sensitive=True, most=PART_ROWS
                )
                replicas.answers()
            store.kill()
            # A lifetime or rolling budget without a rate is shut: what the others have booked
            # since is not known. With one ("bounded") a part of what is surely left is open.
            for kind, run in [
                ("burst", "fresh"),
                ("lifetime", "fresh"),
                *((kind, f"away-{kind}") for kind in (*KINDS, "bounded")),
            ]:
                replicas.begin(kind=kind, run=run, rows=1, sensitive=False)
                each = [one["rows"] for one in replicas.answers()]
                outage_over = max(
                    outage_over, *(rows - ALLOWANCE_ROWS // REPLICAS for rows in each)
                )
                print(f"store away: {kind:8} {run:14} each of {REPLICAS} admits {each}")
        finally:
            replicas.stop()
    print(
        f"{1e6 * cpu_s / admissions:.1f} CPU us of a replica an admission, "
        f"{trips / admissions:.3f} round trips each"
    )
    print(json.dumps({"bars": {"rows_over": rows_over, "outage_over": outage_over}}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["replica"]:
        asyncio.run(replica(*sys.argv[2:4]))
    else:
        main()
