"""What one identity did: asked what, how much, when, and what it was refused."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from heapq import nlargest
from itertools import pairwise
from typing import Any, final

from reticent.core import BadRecord
from reticent.guard.journal.chain import entry_of
from reticent.guard.journal.store import Store
from reticent.guard.types import Entry

_MOST_GAPS = 10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One identity's history.

    Attributes:
        requests, rows: what it asked; rows only of what was answered.
        answered: requests.
        refusals: reason -> requests.
        models: model -> rows asked and answered.
        days: day (UTC, number since 1970) -> rows asked, answered or not.
        suspicions: detector or reason -> times.
        different_rows: different fingerprints; repeats count once.
        first_s, last_s: seconds since 1970; None if there is nothing.
        gaps: the longest silences between two requests, (from, to), longest first.
        erased: rows of all identities whose text is gone: any of them may have been this one's.
    """

    requests: int = 0
    rows: int = 0
    answered: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=dict)
    suspicions: dict[str, int] = field(default_factory=dict)
    different_rows: int = 0
    first_s: float | None = None
    last_s: float | None = None
    gaps: tuple[tuple[float, float], ...] = ()
    erased: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def concerns(entry: Entry, names: Collection[str]) -> bool:
    """Return whether an entry is about one of these pseudonyms, alone or among others."""
    among = entry.detail.get("identities", ())
    return entry.identity in names or entry.token in names or any(n in names for n in among)


def entries(
    store: Store, names: Collection[str] = (), *, after: int = 0
) -> Iterator[tuple[str, int, Entry | None]]:
    """Yield chain, sequence and entry of all rows, or of those that concern one of `names`.

    The entry is None where its text was thrown away.

    Args:
        store: the journal.
        names: pseudonyms of identities or tokens; none for all rows.
        after: leave out rows of each chain up to this sequence.
    """
    wanted = [name.encode() for name in names]
    for chain in store.chains():
        for row in store.rows(chain, after):
            if row.erased:
                yield chain, row.sequence, None
            elif not wanted or any(name in row.payload for name in wanted):
                with suppress(BadRecord):  # altered by somebody: `verify` says so
                    entry = entry_of(row.payload)
                    if not wanted or concerns(entry, names):
                        yield chain, row.sequence, entry


def timeline(store: Store, names: Collection[str], *, least_gap_s: float = 3600.0) -> Timeline:
    """Return what the bearer of these pseudonyms did.

    Args:
        store: the journal.
        names: of the identity, or of one of its tokens.
        least_gap_s: shorter silences are not listed.
    """
    refusals, models, suspicions = Counter[str](), Counter[str](), Counter[str]()
    days = Counter[int]()
    requests = rows = answered = erased = 0
    different: set[bytes] = set()
    times: list[float] = []
    for _, _, entry in entries(store, names):
        if entry is None:
            erased += 1
            continue
        if entry.kind == "suspicion":
            suspicions[str(entry.detail.get("detector", entry.outcome))] += 1
        if entry.kind not in ("query", "refusal"):
            continue
        count = int(entry.detail.get("times", 1))  # refusals may be told in a lump
        times.append(entry.time_s)
        requests += count
        days[int(entry.time_s // 86_400)] += entry.rows
        if entry.kind == "query" and entry.outcome == "answered":
            answered += count
            rows += entry.rows
            models[entry.model] += entry.rows
            different.update(entry.fingerprints)
        else:
            refusals[entry.outcome] += count
    times.sort()
    silences = [(a, b) for a, b in pairwise(times) if b - a >= least_gap_s]
    return Timeline(
        requests=requests,
        rows=rows,
        answered=answered,
        refusals=dict(refusals.most_common()),
        models=dict(models.most_common()),
        days=dict(sorted(days.items())),
        suspicions=dict(suspicions.most_common()),
        different_rows=len(different),
        first_s=times[0] if times else None,
        last_s=times[-1] if times else None,
        gaps=tuple(nlargest(_MOST_GAPS, silences, key=lambda gap: gap[1] - gap[0])),
        erased=erased,
    )
