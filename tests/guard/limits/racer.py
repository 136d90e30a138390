"""One replica of a race, as a process of its own.

    python racer.py URL STATE REPLICAS CLIENTS TRIES [check-then-set | hold]

Waits for a line on standard input, lets clients ask for a row at a time, prints how many rows
were granted. "hold" takes a slot with each client and keeps it.
"""

import asyncio
import sys
import time
from pathlib import Path

import valkey.asyncio

from reticent.guard.limits.valkey import SharedLimits
from reticent.guard.types import Admission, Scope

LIFETIME_ROWS = 300
ROLLING_ROWS = 290
BURST_ROWS = 280
SLOTS = 3
PATIENCE_S = 30.0

WHOLE = (
    Scope(key="identity", lifetime_rows=LIFETIME_ROWS),
    Scope(key="token", rolling=((ROLLING_ROWS, 86_400.0),)),
    Scope(key="network", rows_per_minute=0.001, burst_rows=BURST_ROWS),
)


class CheckThenSet:
    """The same rule, wrong: looks first and books afterwards. The race must catch it."""

    def __init__(self, url: str) -> None:
        self._client = valkey.asyncio.Valkey.from_url(url)

    async def admit(self, scopes, rows, *, sensitive):
        spent = int(await self._client.get("spent") or 0)
        if spent + rows > BURST_ROWS:
            return Admission(granted=False)
        await self._client.set("spent", spent + rows)
        return Admission(granted=True)

    async def close(self) -> None:
        await self._client.aclose()


def hurried() -> float:
    """Return a time that runs ten times too fast.

    Slots are renewed by it, and lapse by the store's: they outlast a pause of the machine.
    """
    return 10 * time.time()


async def until_up(limits) -> None:
    end = time.monotonic() + PATIENCE_S
    while limits.store != "up":
        assert time.monotonic() < end, limits.store
        await limits.spent("")
        await asyncio.sleep(0.01)


def say(what) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def main(url, state, replicas, clients, tries, how):
    if how == "check-then-set":
        limits = CheckThenSet(url)
    else:
        limits = SharedLimits(
            url,
            replicas=int(replicas),
            clock=hurried,
            state=Path(state),
            name=state,
            timeout_s=PATIENCE_S,
            join_timeout_s=PATIENCE_S,
        )
        await until_up(limits)  # else whoever is late is refused all that it tries
    if how == "hold":
        slots = (Scope(key="slots", concurrent=SLOTS),)
        held = [await limits.admit(slots, 1, sensitive=True) for _ in range(int(clients))]
        say(sum(one.granted for one in held))
        await asyncio.sleep(60)

    async def client():
        return sum([(await limits.admit(WHOLE, 1, sensitive=True)).granted for _ in range(tries)])

    tries = int(tries)
    say("ready")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    say(sum(await asyncio.gather(*[client() for _ in range(int(clients))])))
    await limits.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:6], sys.argv[6] if len(sys.argv) > 6 else ""))
