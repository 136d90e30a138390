"""Measure piece by piece, keep what is done, and go on after an interruption.

Audits of tables, pictures, vectors and texts differ in what a piece of work is; how pieces are
taken over, written down when they fail, kept, and put into a record when somebody interrupts is
one and the same.
"""

import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from reticent.audit.pieces import Piece, find, keep
from reticent.audit.plan import Plan
from reticent.audit.record import Control, NotRun, NotRunKind, Record, RunEntry
from reticent.audit.save import save, sealed
from reticent.audit.store import Store
from reticent.core import (
    BadAnswer,
    BudgetSpent,
    NotEnoughKnowledge,
    NotExposed,
    ReticentError,
)
from reticent.core.events import Listener, Progress

KINDS: tuple[tuple[type[ReticentError], NotRunKind], ...] = (
    (NotExposed, "not exposed"),
    (NotEnoughKnowledge, "not enough knowledge"),
    (BudgetSpent, "budget"),
)


@dataclass(slots=True)
class SoFar:
    """What has been measured so far; survives an interruption.

    Attributes:
        pieces: cell -> what was measured.
        controls: checks of the audit itself.
        not_run: what was not measured, and why.
        reused: pieces taken over from an earlier run.
    """

    pieces: dict[str, Piece] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    reused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work.

    Attributes:
        cell: the name of the cell that it fills.
        key: the name of the piece: everything that its figures depend on.
        work: makes it.
    """

    cell: str
    key: str
    work: Callable[[], Piece]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """When a run began, by the calendar, the clock and the processor.

    Attributes:
        at, clock_s, cpu_s: this moment.
        processor: tells processor seconds, those of other processes that work for it included.
    """

    at: datetime
    clock_s: float
    cpu_s: float
    processor: Callable[[], float]

    @classmethod
    def at_once(
        cls, now: Callable[[], datetime], processor: Callable[[], float] = time.process_time
    ) -> "Start":
        """Return this moment."""
        return cls(at=now(), clock_s=time.perf_counter(), cpu_s=processor(), processor=processor)

    def run(self, so_far: SoFar, *, now: datetime, complete: bool) -> RunEntry:
        """Return what is said of the run itself."""
        import reticent

        return RunEntry(
            started_at=self.at.isoformat(),
            finished_at=now.isoformat(),
            complete=complete,
            reticent_version=reticent.__version__,
            python_version=platform.python_version(),
            cpu_s=round(self.processor() - self.cpu_s, 3),
            wall_s=round(time.perf_counter() - self.clock_s, 3),
            cpu_s_by_cell={
                name: round(piece.measured.cpu_s, 4) for name, piece in so_far.pieces.items()
            },
            reused=so_far.reused,
        )


def store_of(out: Path | None, *, resume: bool) -> Store:
    """Return where finished pieces lie; those of an earlier run are dropped unless it resumes.

    Args:
        out: the run's folder; None to keep nothing.
        resume: take finished pieces over.
    """
    store = Store(None if out is None else out / "work")
    if store.folder is not None and not resume and store.folder.is_dir():
        for path in store.folder.iterdir():
            if path.suffix in (".json", ".npz", ".skops"):
                path.unlink()
    return store


def carry_out(
    plan: Plan,
    measure: Callable[[SoFar], None],
    record: Callable[[SoFar, RunEntry], Record],
    *,
    out: Path | None,
    start: Start,
    now: Callable[[], datetime],
) -> Record:
    """Return the record of everything that was planned, and write it.

    Args:
        plan: what to measure; what it leaves out is in the record from the start.
        measure: fills in what has been measured.
        record: what has been measured so far and the run -> the record.
        out: folder for `record.json`; None to keep nothing.
        start: when the run began.
        now: tells the time.

    Raises: whatever `measure` raises, KeyboardInterrupt too. What was measured before is in
        `out/record.json` then, marked incomplete.
    """
    so_far = SoFar(not_run=list(plan.not_run))
    try:
        measure(so_far)
    except BaseException:
        if out is not None and so_far.pieces:
            partial = record(so_far, start.run(so_far, now=now(), complete=False))
            save(partial, out / "record.json")
        raise
    result = sealed(record(so_far, start.run(so_far, now=now(), complete=True)))
    if out is not None:
        save(result, out / "record.json")
    return result


def measure_all(
    jobs: Iterable[Job], total: int, so_far: SoFar, *, store: Store, listen: Listener
) -> None:
    """Do the jobs that no earlier run has done, one after the other.

    Args:
        jobs: in order; a later one may be made from what the earlier ones left in `so_far`.
        total: how many there are.
        so_far: gets the pieces, and what could not be measured.
        store: where pieces are kept.
        listen: hears how far the work has come.

    Raises: BadAnswer if the model itself does not work; whatever is no Exception.
    """
    for i, job in enumerate(jobs):
        piece = find(store, job.key)
        if piece is None:
            piece = attempt(job, so_far)
            if piece is not None:
                keep(store, job.key, piece)
        if piece is not None:
            so_far.pieces[job.cell] = piece
            so_far.reused += piece.reused
        reused = piece is not None and piece.reused
        listen(Progress(stage="cells", done=i + 1, total=total, what=job.cell, reused=reused))


def attempt(job: Job, so_far: SoFar) -> Piece | None:
    """Return the piece; an attack that cannot or does not work is written down, not dropped.

    Raises: BadAnswer: nothing after a model that does not work can be trusted.
    """
    try:
        return job.work()
    except BadAnswer:
        raise
    except Exception as error:
        so_far.not_run.append(why_not(job.cell, error))
        return None


def why_not(cell: str, error: Exception) -> NotRun:
    """Return what is said of a cell that was not measured, from what was raised on the way."""
    kinds: list[NotRunKind] = [kind for raised, kind in KINDS if isinstance(error, raised)]
    # A plug-in's fault must not cost what was measured before.
    known = isinstance(error, ReticentError)
    why = str(error) if known else f"{type(error).__name__}: {error}"
    return NotRun(what=cell, why=why, kind=kinds[0] if kinds else "failed")
