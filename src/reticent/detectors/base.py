"""The contract every query-pattern detector obeys.

The guard feeds every installed detector, off the request's path, and writes what they suspect into
its journal and its metrics.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Event:
    """One request that a guard has dealt with.

    Attributes:
        time_s: seconds since 1970.
        tenant: whose model it is.
        identity: who asked, as a pseudonym.
        token: the key or token that was used, as a pseudonym.
        network: the address range that it came from, as a pseudonym.
        model: which model.
        outcome: "answered", or why not.
        fingerprints: one keyed hash a row.
        rows: the inputs themselves, in memory only; () where the event comes from the journal.
    """

    time_s: float
    tenant: str
    identity: str
    token: str
    network: str
    model: str
    outcome: str
    fingerprints: tuple[bytes, ...] = ()
    rows: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What a detector has come to think.

    Attributes:
        detector: its kind.
        identities: whom it is about.
        model: which model.
        evidence_nats: log likelihood ratio, or what the detector documents as its equal.
        why: one sentence.
    """

    detector: str
    identities: tuple[str, ...]
    model: str
    evidence_nats: float
    why: str


class Detector(Protocol):
    """Sees events in order; its work per event must not grow with their number.

    Attributes:
        kind: name in configuration files and journals.
    """

    kind: ClassVar[str]

    def see(self, event: Event) -> Iterable[Suspicion]:
        """Return what this event makes it suspect, usually nothing."""
        ...


@cache
def detector_kinds() -> dict[str, type[Detector]]:
    """Return kind -> detector class of every installed one."""
    loaded = {point.name: point.load() for point in entry_points(group="reticent.detectors")}
    return dict(sorted(loaded.items()))
