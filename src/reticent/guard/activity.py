"""What has happened since the guard started, for its operators' eyes: counts, in memory."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import final

MOST_IDENTITIES = 1_000


@dataclass(slots=True)
class Counts:
    """One identity's doings with one model.

    Attributes:
        answered: requests that were answered.
        rows: rows that were answered.
        refused: requests that were not.
        last_s: when the last came, since 1970.
        reason: why the last refusal was one.
    """

    answered: int = 0
    rows: int = 0
    refused: int = 0
    last_s: float = 0.0
    reason: str = ""


@final
class Activity:
    """Counts by identity and model; the longest idle are forgotten beyond 1,000."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str, str], Counts] = OrderedDict()
        self.refusals: dict[tuple[str, str], int] = {}

    def answered(self, tenant: str, identity: str, model: str, rows: int, now_s: float) -> None:
        """Count an answer."""
        counts = self._of((tenant, identity, model))
        counts.answered += 1
        counts.rows += rows
        counts.last_s = now_s

    def refused(self, tenant: str, identity: str, model: str, reason: str, now_s: float) -> None:
        """Count a refusal; `identity` is "" where nobody has proved who they are."""
        key = (model, reason)
        self.refusals[key] = self.refusals.get(key, 0) + 1
        if identity:
            counts = self._of((tenant, identity, model))
            counts.refused += 1
            counts.last_s = now_s
            counts.reason = reason

    def latest(self, most: int) -> list[tuple[tuple[str, str, str], Counts]]:
        """Return ((tenant, identity, model), counts) of the most recent, newest first."""
        ordered = sorted(self._counts.items(), key=lambda item: -item[1].last_s)
        return ordered[:most]

    def _of(self, key: tuple[str, str, str]) -> Counts:
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = Counts()
            if len(self._counts) > MOST_IDENTITIES:
                self._counts.popitem(last=False)
        else:
            self._counts.move_to_end(key)
        return counts
