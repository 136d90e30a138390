"""What long work says while it runs; the command line turns it into a progress bar."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of long work has ended.

    Attributes:
        stage: what kind of work it is: "prepare", "references", "cells", "controls", "report".
        done: steps of this stage finished so far, this one included.
        total: steps of this stage in all.
        what: the step, in words ("lira-online through round-2").
        reused: True if the result was taken over from an earlier run.
    """

    stage: str
    done: int
    total: int
    what: str
    reused: bool = False


Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Listen to nothing."""
