"""What a check is given, and what it gives back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from reticent.audit.probe_record import Outcome, ProbeEvidence, Severity
from reticent.audit.record import Control, Figure
from reticent.probe.client import Client
from reticent.probe.surface import Surface


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scene:
    """What a check works with.

    Attributes:
        client: asks the server.
        surface: what was found of it before the checks.
        rng: of orders and shuffles.
        alpha: declared error of every statistical check.
    """

    client: Client
    surface: Surface
    rng: np.random.Generator
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a check came to.

    Attributes:
        outcome: "found", "not found", "inconclusive" or "not run".
        why: one sentence.
        evidence: exchanges behind it, masked.
        figures: what was measured.
        controls: checks of the check itself.
    """

    outcome: Outcome
    why: str
    evidence: tuple[ProbeEvidence, ...] = ()
    figures: tuple[Figure, ...] = ()
    controls: tuple[Control, ...] = ()


class Check(Protocol):
    """One thing that a stranger could get.

    Attributes:
        id: stable name.
        title: what it finds, as a heading.
        sends: what it sends, in one sentence.
        most_requests: how many requests it sends at most.
        severity: how much it matters where it is found.
        way_out: what ends it.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    sends: ClassVar[str]
    most_requests: ClassVar[int]
    severity: ClassVar[Severity]
    way_out: ClassVar[str]

    def run(self, scene: Scene) -> Result:
        """Return what came of it; raises `client.Spent`."""
        ...


def not_run(why: str) -> Result:
    """Return that a check was not run."""
    return Result(outcome="not run", why=why)


def names(paths: Sequence[str]) -> str:
    """Return paths as a list in words, cut after four."""
    few = list(dict.fromkeys(paths))
    more = f" and {len(few) - 4} more" if len(few) > 4 else ""
    return ", ".join(few[:4]) + more
