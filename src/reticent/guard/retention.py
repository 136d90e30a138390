"""Throws the text of old journal rows away, as guard.keep_days asks, while the guard runs."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from reticent.config.guard import Guard
from reticent.core import ReticentError
from reticent.guard.journal.keeper import Erased, erase
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.open import ANCHORS_FILE, journal_store
from reticent.guard.journal.store import StoreAway

DAY_S = 86_400.0
EVERY_S = 3_600.0

_log = logging.getLogger("reticent.guard")


def forget_old(
    settings: Guard, state: Path, *, secret: bytes, clock: Callable[[], float]
) -> Erased | None:
    """Throw away the text of rows older than keep_days; None if everything is kept for good.

    Raises: BadInput if somebody else is erasing; StoreAway.
    """
    days = settings.keep_days
    if days is None:
        return None
    before_s = clock() - days * DAY_S
    store = journal_store(settings, state)
    try:
        return erase(
            store,
            journal_keys(secret),
            lambda entry: entry.time_s < before_s,
            f"older than {days:g} days",
            clock=clock,
            anchors=state / ANCHORS_FILE,
        )
    finally:
        store.close()


async def keep_forgetting(
    settings: Guard, state: Path, *, secret: bytes, clock: Callable[[], float]
) -> None:
    """Do so now and every hour, beside the event loop, until cancelled."""
    while settings.keep_days is not None:
        try:
            await asyncio.to_thread(forget_old, settings, state, secret=secret, clock=clock)
        except (ReticentError, StoreAway, OSError) as error:  # a replica does it just now, or away
            _log.warning("old rows were not forgotten", extra={"why": type(error).__name__})
        await asyncio.sleep(EVERY_S)
