"""Refusals on their way to the journal: added up, so that a flood of them fills no disk."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from reticent.guard.types import Entry, Journal, JournalDown

MOST_KINDS = 10_000

_log = logging.getLogger("reticent.guard")


class Tally:
    """Counts equal refusals and writes one journal row for them every `every_s` seconds.

    A refusal reveals nothing, so it may be lost with the process; an answer may not.
    """

    def __init__(
        self, journal: Journal, *, wall: Callable[[], float], every_s: float = 1.0
    ) -> None:
        self._journal = journal
        self._wall = wall
        self._every_s = every_s
        self._counts: dict[tuple[str, str, str, str, str, str, int], list[int]] = {}
        self._left_out = 0

    def refusal(
        self,
        *,
        tenant: str,
        identity: str,
        token: str,
        network: str,
        model: str,
        outcome: str,
        status: int,
        rows: int,
    ) -> None:
        """Count one; beyond 10,000 kinds in one interval only their number is kept."""
        key = (tenant, identity, token, network, model, outcome, status)
        count = self._counts.get(key)
        if count is not None:
            count[0] += 1
            count[1] += rows
        elif len(self._counts) < MOST_KINDS:
            self._counts[key] = [1, rows]
        else:
            self._left_out += 1

    def fault(self, error: BaseException) -> None:
        """Log what went wrong inside; the caller hears nothing of it.

        An error raised in the guard may quote a question, so its type and place are logged alone.
        """
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "?"
        _log.error("a request failed", extra={"error": type(error).__name__, "where": where})

    async def write(self) -> None:
        """Write what was counted since the last time."""
        counts, self._counts = self._counts, {}
        left_out, self._left_out = self._left_out, 0
        now_s = self._wall()
        for (tenant, identity, token, network, model, outcome, status), (
            times,
            rows,
        ) in counts.items():
            entry = Entry(
                time_s=now_s,
                kind="refusal",
                tenant=tenant,
                identity=identity,
                token=token,
                network=network,
                model=model,
                rows=rows,
                outcome=outcome,
                status=status,
                detail={"times": times},
            )
            await self._journal.append(entry, durable=False)
        if left_out:
            detail = {"times": left_out}
            entry = Entry(time_s=now_s, kind="refusal", outcome="others", detail=detail)
            await self._journal.append(entry, durable=False)

    async def run(self) -> None:
        """Write every now and then, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            with suppress(JournalDown):
                await self.write()
