"""Work through the tasks of an audit: one after the other, or shared out over processes."""

import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace

from reticent.access import Access
from reticent.attacks import Attack, settings_of
from reticent.audit.cells import Outcome, run_task
from reticent.audit.measured import why_not
from reticent.audit.pieces import Measured, Piece, find, keep, measured_of, piece_key
from reticent.audit.plan import Task
from reticent.audit.prepare import Prepared
from reticent.audit.record import NotRun
from reticent.audit.store import Store
from reticent.audit.streams import Part, stream
from reticent.audit.workers import context, end_with_parent, stop_children
from reticent.core import (
    NO_CHANNEL,
    AttributeClaim,
    BadAnswer,
    NotEnoughKnowledge,
    Seen,
)
from reticent.ledger import QueryLedger
from reticent.policy import Policy

BASELINE = "imputation"
HARMS = ("low", "medium", "high", "severe")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Done:
    """What became of one task: a piece, or the reason why there is none."""

    task: Task
    piece: Piece | None = None
    not_run: NotRun | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Everything that a task needs; handed to each process once.

    Attributes:
        prepared: the experiment with all training done.
        shelf: the attacks by name.
        store: where finished pieces are kept.
        digest: name of the experiment, worked out once.
    """

    prepared: Prepared
    shelf: Mapping[str, Attack]
    store: Store
    digest: str
    imputations: dict[tuple[object, ...], AttributeClaim] = field(default_factory=dict)

    def work(self, task: Task) -> Done:
        """Return a task's piece, taken over from an earlier run or measured now and kept."""
        kept = self.kept(task)
        if kept is not None:
            return Done(task=task, piece=kept)
        done = self._measure(self.shelf[task.attack], task)
        if done.piece is not None:
            keep(self.store, self._key(task), done.piece)
        return done

    def kept(self, task: Task) -> Piece | None:
        """Return a task's piece if it was finished before."""
        return find(self.store, self._key(task))

    def _key(self, task: Task) -> str:
        policy = self.prepared.experiment.policies[task.policy]
        return piece_key(self.digest, self.shelf[task.attack], task, policy.digest)

    def _measure(self, attack: Attack, task: Task) -> Done:
        """Run one task; an attack that cannot or does not work is written down, not dropped."""
        cpu = time.process_time()
        try:
            outcome = run_task(
                self.prepared,
                attack,
                task,
                self.imputation(task),
                stream(self.prepared.experiment.seed, Part.TABLES, task.id),
            )
        except BadAnswer:
            raise  # the model itself does not work: nothing after this can be trusted
        except Exception as error:
            return Done(task=task, not_run=why_not(task.id, error))
        measured = _measured(self.prepared, attack, outcome, cpu_s=time.process_time() - cpu)
        return Done(task=task, piece=Piece(measured=measured, arrays=outcome.graded.arrays))

    def imputation(self, task: Task) -> AttributeClaim | None:
        """Return the guesses of a learner without the model, or None if nothing is hidden.

        Worked out once for each set of columns, with or without the outcome.

        Raises: NotEnoughKnowledge if the learner is not installed.
        """
        if not task.hidden:
            return None
        learner = self.shelf.get(BASELINE)
        if learner is None:
            raise NotEnoughKnowledge(
                f"No {BASELINE!r} attack is installed, and no attribute figure goes without it.",
                way_out="Install the package whole, entry points included.",
            )
        key = (task.hidden, task.seen is not Seen.NOTHING)
        if key not in self.imputations:
            alike = replace(task, seen=Seen.NOTHING if task.seen is Seen.NOTHING else Seen.Y)
            shut = Access(
                target=self.prepared.target,
                policy=Policy(),
                ledger=QueryLedger(0),
                identity=BASELINE,
                exposed=NO_CHANNEL,
            )
            claim = learner.run(
                shut,
                self.prepared.candidates(alike),
                self.prepared.knowledge(alike),
                stream(self.prepared.experiment.seed, Part.TABLES, f"{BASELINE}/{key}"),
            )
            if not isinstance(claim, AttributeClaim):
                raise TypeError(f"{BASELINE} made a {type(claim).__name__}")
            self.imputations[key] = claim
        return self.imputations[key]


def run_all(bench: Bench, tasks: Sequence[Task], *, jobs: int) -> Iterator[Done]:
    """Yield every task's outcome, in order for one process, as they come for several.

    Args:
        bench: what the tasks need.
        tasks: what to do.
        jobs: processes; one attack's tasks stay together, because they ask the same rows.
    """
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.attack, []).append(task)
    if jobs <= 1 or len(groups) < 2 or not _travels(bench):
        for task in tasks:
            yield bench.work(task)
        return
    yield from _in_processes(bench, list(groups.values()), jobs)


def _travels(bench: Bench) -> bool:
    """Return whether the bench can be sent to another process (a model may be a closure)."""
    try:
        pickle.dumps(bench)
    except Exception:
        return False
    return True


_HERE: dict[str, Bench] = {}  # what a worker process was started with; never read by the parent


def _start_worker(bench: Bench) -> None:
    end_with_parent()
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears of Ctrl-C and says what next
    _HERE["bench"] = bench


def _work(tasks: Sequence[Task]) -> list[Done]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return [_HERE["bench"].work(task) for task in tasks]


def _in_processes(bench: Bench, groups: Sequence[list[Task]], jobs: int) -> Iterator[Done]:
    """Share the attacks out; whatever a dead worker left behind is done here, in turn."""
    left = {task.id: task for group in groups for task in group}
    pool = ProcessPoolExecutor(
        max_workers=min(jobs, len(groups)),
        mp_context=context(),
        initializer=_start_worker,
        initargs=(bench,),
    )
    try:
        # The longest lists first, so that no process ends up alone with one of them.
        order = sorted(groups, key=len, reverse=True)
        running: set[Future[list[Done]]] = {pool.submit(_work, group) for group in order}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                for done in future.result():
                    left.pop(done.task.id)
                    yield done
        pool.shutdown(wait=True)
    except BrokenProcessPool:
        pass
    except BaseException:
        stop_children()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for task in left.values():
        yield bench.work(task)


def _measured(prepared: Prepared, attack: Attack, outcome: Outcome, *, cpu_s: float) -> Measured:
    experiment, task, graded = prepared.experiment, outcome.task, outcome.graded
    if graded.individuals is not None:
        graded = replace(graded, figures=(*graded.figures, graded.individuals.precision))
    harm = {s.column: s.harm for s in experiment.sensitive}
    return measured_of(
        task,
        graded,
        tolerance=experiment.tolerance,
        queries=outcome.queries,
        settings=settings_of(attack),
        notes=outcome.notes,
        source=attack.source,
        cpu_s=cpu_s,
        harm=max((harm[c] for c in task.hidden if c in harm), key=HARMS.index, default=None),
    )
