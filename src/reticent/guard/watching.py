"""Feeds the installed detectors, off the request's path."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from reticent.detectors import Detector, Event, Suspicion
from reticent.guard.metrics import Metrics
from reticent.guard.types import Entry, Journal, JournalDown

MOST_WAITING = 10_000

_log = logging.getLogger("reticent.guard")


class Watching:
    """Gives every journalled query to every detector, and journals what they suspect.

    A detector that raises is switched off and said so: a broken one must not stop the guard, nor
    look as if it were watching.
    """

    def __init__(
        self, detectors: Mapping[str, Detector], journal: Journal, metrics: Metrics
    ) -> None:
        self._detectors = dict(detectors)
        self._journal = journal
        self._metrics = metrics
        self._queue: asyncio.Queue[Event] = asyncio.Queue(MOST_WAITING)
        self.missed = 0

    @property
    def on(self) -> bool:
        """Return whether any detector is there to see."""
        return bool(self._detectors)

    def see(self, entry: Entry, rows: Sequence[Any]) -> None:
        """Take a query in; never waits. What does not fit the queue is counted as missed."""
        event = Event(
            time_s=entry.time_s,
            tenant=entry.tenant,
            identity=entry.identity,
            token=entry.token,
            network=entry.network,
            model=entry.model,
            outcome=entry.outcome,
            fingerprints=entry.fingerprints,
            rows=rows,
        )
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.missed += 1

    async def run(self) -> None:
        """Work through the events, until cancelled."""
        while True:
            await self.work_on(await self._queue.get())

    async def work_on(self, event: Event) -> None:
        """Show one event to every detector."""
        for kind, detector in list(self._detectors.items()):
            try:
                suspicions = list(detector.see(event))
            except Exception as error:
                del self._detectors[kind]
                _log.error("a detector failed", extra={"detector": kind, "error": repr(error)})
                await self._keep(_broken(kind, event))
                continue
            for suspicion in suspicions:
                self._metrics.suspected(suspicion.model, suspicion.detector)
                await self._keep(_suspected(suspicion, event))

    async def _keep(self, entry: Entry) -> None:
        with suppress(JournalDown):
            await self._journal.append(entry, durable=False)


def _suspected(suspicion: Suspicion, event: Event) -> Entry:
    return Entry(
        time_s=event.time_s,
        kind="suspicion",
        tenant=event.tenant,
        identity=event.identity,
        model=suspicion.model,
        outcome=suspicion.detector,
        detail={
            "identities": list(suspicion.identities),
            "evidence_nats": suspicion.evidence_nats,
            "why": suspicion.why,
        },
    )


def _broken(kind: str, event: Event) -> Entry:
    return Entry(
        time_s=event.time_s, kind="suspicion", outcome=kind, detail={"why": "the detector failed"}
    )
