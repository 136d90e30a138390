"""Whether a guard can do its work."""

from typing import final

from reticent.guard.assemble import Parts
from reticent.guard.types import Entry, JournalDown

PROBE = "health"


@final
class Health:
    """Asks the parts on which every answer hangs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def troubles(self) -> list[str]:
        """Return what stands in the way of answering: empty if nothing does."""
        found = []
        if not await self._journal():
            found.append("the journal cannot be written")
        try:
            await self._parts.limits.spent(PROBE)
        except Exception:  # whatever the store's client raises: it is away
            found.append("the shared store is away")
        return found

    async def _journal(self) -> bool:
        """Return whether the journal takes a row; one is written only after it has failed."""
        metrics = self._parts.metrics
        if metrics.journal_is_up:
            return True
        try:
            entry = Entry(time_s=self._parts.pipeline.wall(), kind=PROBE)
            await self._parts.journal.append(entry, durable=True)
        except JournalDown:
            return False
        metrics.journal(up=True)
        return True
