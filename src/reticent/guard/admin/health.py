"""Whether a guard can do its work."""

from typing import final

from reticent.guard.assemble import Parts

PROBE = "health"


@final
class Health:
    """Asks the parts on which every answer hangs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def troubles(self) -> list[str]:
        """Return what stands in the way of answering: empty if nothing does."""
        found = []
        if self._parts.journal.down:
            found.append("the journal cannot be written")
        limits = self._parts.limits
        try:
            await limits.spent(PROBE)  # so that a store which nobody has asked yet is looked for
        except Exception:  # whatever a store's client or a disk raises
            found.append("the limits cannot be read")
        if limits.down:
            found.append("the shared store is away")
        return found
