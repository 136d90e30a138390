"""What an audit has measured so far, and how it is kept whatever happens next."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from reticent.audit.pieces import Piece, find, keep, piece_key
from reticent.audit.plan import Task
from reticent.audit.record import Control, NotRun, NotRunKind, Record, RunEntry
from reticent.audit.save import save, sealed
from reticent.audit.store import Store
from reticent.core import BadAnswer, BudgetSpent, NotEnoughKnowledge, NotExposed, ReticentError
from reticent.core.events import Listener, Progress
from reticent.policy import Policy

_OF_PIECES = (".json", ".npz", ".skops")


@dataclass(slots=True)
class SoFar:
    """What has been measured so far; survives an interruption.

    Attributes:
        pieces: task -> what it gave.
        controls: the controls that were run.
        not_run: what was not measured, and why.
        reused: pieces taken over from an earlier run.
    """

    pieces: dict[str, Piece] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    reused: int = 0

    def missed(self, what: str, why: object, kind: NotRunKind) -> None:
        """Write down that something was not measured."""
        self.not_run.append(NotRun(what=what, why=str(why), kind=kind))

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Write down what cannot or does not work inside, instead of losing everything else.

        Raises: BadAnswer if the model itself does not work; nothing after it can be trusted.
        """
        try:
            yield
        except NotExposed as error:
            self.missed(what, error, "not exposed")
        except NotEnoughKnowledge as error:
            self.missed(what, error, "not enough knowledge")
        except BudgetSpent as error:
            self.missed(what, error, "budget")
        except BadAnswer:
            raise
        except ReticentError as error:
            self.missed(what, error, "failed")
        except Exception as error:  # a plug-in's fault must not cost what was measured before
            self.missed(what, f"{type(error).__name__}: {error}", "failed")

    def work_through(
        self,
        tasks: Sequence[Task],
        work: Callable[[Task], Piece | None],
        *,
        digest: str,
        shelf: Mapping[str, Any],
        policies: Mapping[str, Policy],
        store: Store,
        listen: Listener,
    ) -> None:
        """Do every task, unless an earlier run kept what it gave.

        Args:
            tasks: in order.
            work: does one; None if it could not be done, which it writes down.
            digest: of all else that a piece depends on.
            shelf: attacks with their settings.
            policies: name -> policy.
            store: where pieces are kept.
            listen: hears of every task.
        """
        for i, task in enumerate(tasks):
            key = piece_key(digest, shelf[task.attack], task, policies[task.policy].digest)
            piece = find(store, key)
            if piece is None:
                piece = work(task)
                if piece is not None:
                    keep(store, key, piece)
            if piece is not None:
                self.pieces[task.id] = piece
                self.reused += piece.reused
            listen(
                Progress(
                    stage="cells",
                    done=i + 1,
                    total=len(tasks),
                    what=task.id,
                    reused=piece is not None and piece.reused,
                )
            )


@dataclass(frozen=True, slots=True)
class Watch:
    """When a run began, in calendar, wall and processor time.

    Attributes:
        now: tells the time.
        cpu_s: tells processor seconds.
        began: of these three.
    """

    now: Callable[[], datetime]
    cpu_s: Callable[[], float]
    began: tuple[datetime, float, float]

    def entry(self, so_far: SoFar, *, complete: bool) -> RunEntry:
        """Return what the record says of the run up to here."""
        started, wall, cpu = self.began
        return RunEntry(
            started_at=started.isoformat(),
            finished_at=self.now().isoformat(),
            complete=complete,
            reticent_version=_version(),
            python_version=platform.python_version(),
            cpu_s=round(self.cpu_s() - cpu, 3),
            wall_s=round(time.perf_counter() - wall, 3),
            cpu_s_by_cell={
                name: round(piece.measured.cpu_s, 4) for name, piece in so_far.pieces.items()
            },
            reused=so_far.reused,
        )


def watch(now: Callable[[], datetime], cpu_s: Callable[[], float] = time.process_time) -> Watch:
    """Return a watch that starts now."""
    return Watch(now, cpu_s, (now(), time.perf_counter(), cpu_s()))


def open_store(out: Path | None, *, resume: bool) -> Store:
    """Return where pieces are kept; those of an earlier run are dropped unless it is resumed."""
    store = Store(None if out is None else out / "work")
    if store.folder is not None and store.folder.is_dir() and not resume:
        for path in store.folder.iterdir():
            if path.suffix in _OF_PIECES:
                path.unlink()
    return store


def carry_out(
    measure: Callable[[], Any],
    record: Callable[[RunEntry], Record],
    so_far: SoFar,
    *,
    watch: Watch,
    out: Path | None,
) -> Record:
    """Measure, and return the record; whatever ends it early, what was measured is written.

    Args:
        measure: fills `so_far`.
        record: makes the record of what there is.
        so_far: what there is.
        watch: started with the audit.
        out: folder of `record.json`; None to keep nothing.

    Raises: what `measure` does. `out/record.json` is marked incomplete then.
    """
    try:
        measure()
    except BaseException:
        if out is not None and so_far.pieces:
            save(record(watch.entry(so_far, complete=False)), out / "record.json")
        raise
    result = sealed(record(watch.entry(so_far, complete=True)))
    if out is not None:
        save(result, out / "record.json")
    return result


def _version() -> str:
    import reticent

    return reticent.__version__
