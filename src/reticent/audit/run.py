"""Run an audit from plan to record."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zlib import crc32

import numpy as np

from reticent.access import Access
from reticent.attacks import Attack, attack_types
from reticent.audit.cells import run_task
from reticent.audit.chain import chains
from reticent.audit.controls import attribute_controls, blind_control, membership_controls
from reticent.audit.experiment import Experiment, check_people
from reticent.audit.people import most_exposed
from reticent.audit.pieces import Piece, find, keep, measured_of, piece_key
from reticent.audit.plan import Plan, Task, draw_up
from reticent.audit.prepare import Prepared, prepare
from reticent.audit.record import Control, NotRun, Record, RunEntry
from reticent.audit.save import save, sealed
from reticent.audit.store import Store, key_of
from reticent.audit.summary import data_entry, model_entry, policy_entries, statement
from reticent.audit.verdict import decide, overall
from reticent.core import (
    NO_CHANNEL,
    AttributeClaim,
    BadAnswer,
    BudgetSpent,
    Family,
    NotEnoughKnowledge,
    NotExposed,
    ReticentError,
    Seen,
)
from reticent.core.events import Listener, Progress, silent
from reticent.ledger import QueryLedger
from reticent.policy import Policy

BASELINE = "imputation"
# Controls are run with the first of these that runs at all: quick, and sure to see a plain leak
# (likelihood ratios with few references can take an unusually sure answer for a stranger's).
CONTROL_MEMBERSHIP = ("rmia", "best", "eb-lira", "loss", "lira-offline", "gap")
CONTROL_ATTRIBUTE = ("map", "csmia", "calibrated", "lomia")


def default_shelf() -> dict[str, Attack]:
    """Return every attack on the shelf with its default settings."""
    return {name: kind() for name, kind in attack_types().items()}


@dataclass(slots=True)
class _Progressed:
    """What has been measured so far; survives an interruption."""

    pieces: dict[str, Piece] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    reused: int = 0


def run_audit(
    experiment: Experiment,
    *,
    out: Path | None,
    now: Callable[[], datetime],
    jobs: int = 1,
    resume: bool = False,
    only: Sequence[str] = (),
    include_records: bool = False,
    shelf: Mapping[str, Attack] | None = None,
    listen: Listener = silent,
) -> Record:
    """Measure everything that the experiment allows and return the record.

    Args:
        experiment: what is audited.
        out: folder for `record.json` and, under `work/`, for finished pieces; None to keep
            nothing.
        now: tells the time.
        jobs: processes for training look-alikes.
        resume: take finished pieces over from `out/work/`.
        only: attacks to run; empty for those that the experiment chose.
        include_records: put sensitive values into the record.
        shelf: attacks with their settings; default: every installed one.
        listen: hears how far the work has come.

    Raises: BadInput, BadAnswer and the like; KeyboardInterrupt. What was measured before is in
        `out/record.json` then, marked incomplete, and `resume=True` goes on from there.
    """
    started, clock, cpu = now(), time.perf_counter(), time.process_time()
    check_people(experiment)
    shelf = default_shelf() if shelf is None else shelf
    plan = draw_up(experiment, shelf, only=only)
    store = Store(None if out is None else out / "work")
    if out is not None and not resume:
        _forget(store)
    so_far = _Progressed(not_run=list(plan.not_run))
    complete = False

    def record() -> Record:
        return _record(
            experiment,
            plan,
            so_far,
            include_records=include_records,
            run=RunEntry(
                started_at=started.isoformat(),
                finished_at=now().isoformat(),
                complete=complete,
                reticent_version=_version(),
                python_version=platform.python_version(),
                cpu_s=round(time.process_time() - cpu, 3),
                wall_s=round(time.perf_counter() - clock, 3),
                cpu_s_by_cell={
                    name: round(piece.measured.cpu_s, 4) for name, piece in so_far.pieces.items()
                },
                reused=so_far.reused,
            ),
        )

    try:
        _measure(experiment, plan, shelf, so_far, store=store, jobs=jobs, listen=listen)
        complete = True
    except BaseException:
        if out is not None and so_far.pieces:
            save(record(), out / "record.json")
        raise
    result = sealed(record())
    if out is not None:
        save(result, out / "record.json")
    return result


def _forget(store: Store) -> None:
    """Drop the pieces of an earlier run, so that nothing is taken over unasked."""
    if store.folder is not None and store.folder.is_dir():
        for path in store.folder.iterdir():
            if path.suffix in (".json", ".npz", ".skops"):
                path.unlink()


def _version() -> str:
    import reticent

    return reticent.__version__


def _measure(
    experiment: Experiment,
    plan: Plan,
    shelf: Mapping[str, Attack],
    so_far: _Progressed,
    *,
    store: Store,
    jobs: int,
    listen: Listener,
) -> None:
    wants = {name: attack.wants for name, attack in shelf.items()}
    prepared = prepare(experiment, plan.tasks, wants, store=store, jobs=jobs, listen=listen)
    so_far.reused += prepared.reused
    digest = experiment.digest
    imputed = _Imputations(prepared, shelf.get(BASELINE))
    for i, task in enumerate(plan.tasks):
        attack = shelf[task.attack]
        key = piece_key(digest, attack, task, experiment.policies[task.policy].digest)
        piece = find(store, key)
        if piece is None:
            piece = _one(prepared, attack, task, imputed, so_far)
            if piece is not None:
                keep(store, key, piece)
        else:
            so_far.reused += 1
        if piece is not None:
            so_far.pieces[task.id] = piece
        listen(
            Progress(
                stage="cells",
                done=i + 1,
                total=len(plan.tasks),
                what=task.id,
                reused=piece is not None and piece.reused,
            )
        )
    _control(prepared, plan, shelf, imputed, so_far, listen)


def _one(
    prepared: Prepared,
    attack: Attack,
    task: Task,
    imputed: "_Imputations",
    so_far: _Progressed,
) -> Piece | None:
    """Run one task; an attack that cannot or does not work is written down, not dropped."""
    cpu = time.process_time()
    try:
        outcome = run_task(
            prepared, attack, task, imputed.of(task), _rng(prepared.experiment, task.id)
        )
    except NotExposed as error:
        so_far.not_run.append(NotRun(what=task.id, why=str(error), kind="not exposed"))
        return None
    except NotEnoughKnowledge as error:
        so_far.not_run.append(NotRun(what=task.id, why=str(error), kind="not enough knowledge"))
        return None
    except BudgetSpent as error:
        so_far.not_run.append(NotRun(what=task.id, why=str(error), kind="budget"))
        return None
    except BadAnswer:
        raise  # the model itself does not work: nothing after this can be trusted
    except ReticentError as error:
        so_far.not_run.append(NotRun(what=task.id, why=str(error), kind="failed"))
        return None
    except Exception as error:  # a plug-in's fault must not cost what was measured before
        why = f"{type(error).__name__}: {error}"
        so_far.not_run.append(NotRun(what=task.id, why=why, kind="failed"))
        return None
    measured = measured_of(prepared, attack, outcome, cpu_s=time.process_time() - cpu)
    return Piece(measured=measured, arrays=outcome.graded.arrays)


def _rng(experiment: Experiment, what: str) -> np.random.Generator:
    """Return a generator of its own for each task, so that no task depends on its neighbours."""
    return np.random.default_rng([experiment.seed, 2, crc32(what.encode())])


class _Imputations:
    """The guesses of a learner without the model, worked out once for each set of columns."""

    def __init__(self, prepared: Prepared, learner: Attack | None) -> None:
        self._prepared = prepared
        self._learner = learner
        self._known: dict[tuple[object, ...], AttributeClaim] = {}

    def of(self, task: Task) -> AttributeClaim | None:
        """Return the learner's guesses for a task; None if nothing is hidden in it."""
        if not task.hidden:
            return None
        if self._learner is None:
            raise NotEnoughKnowledge(
                f"No {BASELINE!r} attack is installed, and no attribute figure goes without it.",
                way_out="Install the package whole, entry points included.",
            )
        key = (task.hidden, task.seen is not Seen.NOTHING)
        if key not in self._known:
            seen = Seen.NOTHING if task.seen is Seen.NOTHING else Seen.Y
            alike = replace(task, seen=seen)
            shut = Access(
                target=self._prepared.target,
                policy=Policy(),
                ledger=QueryLedger(0),
                identity=BASELINE,
                exposed=NO_CHANNEL,
            )
            claim = self._learner.run(
                shut,
                self._prepared.candidates(alike),
                self._prepared.knowledge(alike),
                _rng(self._prepared.experiment, f"{BASELINE}/{key}"),
            )
            if not isinstance(claim, AttributeClaim):
                raise TypeError(f"{BASELINE} made a {type(claim).__name__}")
            self._known[key] = claim
        return self._known[key]


def _control(
    prepared: Prepared,
    plan: Plan,
    shelf: Mapping[str, Attack],
    imputed: _Imputations,
    so_far: _Progressed,
    listen: Listener,
) -> None:
    experiment = prepared.experiment
    jobs: list[tuple[str, Callable[[], list[Control]]]] = []
    membership = _first(plan, shelf, Family.MEMBERSHIP, CONTROL_MEMBERSHIP)
    if membership is not None:
        task = membership
        jobs.append(
            (
                "membership",
                lambda: membership_controls(
                    prepared, shelf[task.attack], task, _rng(experiment, "membership controls")
                ),
            )
        )
    if any(task.family in (Family.MEMBERSHIP, Family.RANGE) for task in plan.tasks):
        jobs.append(("blind", lambda: [blind_control(experiment, _rng(experiment, "blind"))]))
    attribute = _first(plan, shelf, Family.ATTRIBUTE, CONTROL_ATTRIBUTE)
    if attribute is not None:
        chosen = attribute
        jobs.append(
            (
                "attribute",
                lambda: attribute_controls(
                    prepared,
                    shelf[chosen.attack],
                    chosen,
                    _needed(imputed.of(chosen)),
                    _rng(experiment, "attribute controls"),
                ),
            )
        )
    for i, (what, job) in enumerate(jobs):
        so_far.controls += job()
        listen(Progress(stage="controls", done=i + 1, total=len(jobs), what=what))


def _needed(claim: AttributeClaim | None) -> AttributeClaim:
    if claim is None:
        raise TypeError("a task with hidden columns has an imputation")
    return claim


def _first(
    plan: Plan, shelf: Mapping[str, Attack], family: Family, order: Sequence[str]
) -> Task | None:
    """Return the task that the controls of a family are run like: scores first, y seen."""
    ours = [task for task in plan.tasks if task.family is family and task.level != "weights"]
    rank = {name: i for i, name in enumerate(order)}
    level = {"scores": 0, "value": 0, "top_k": 1, "label": 2}
    seen = {Seen.Y: 0, Seen.NOTHING: 1, Seen.LABEL: 2, Seen.SCORES: 3}
    return min(
        ours,
        key=lambda t: (level[t.level], rank.get(t.attack, len(rank)), seen[t.seen], t.id),
        default=None,
    )


def _record(
    experiment: Experiment,
    plan: Plan,
    so_far: _Progressed,
    *,
    include_records: bool,
    run: RunEntry,
) -> Record:
    pieces = so_far.pieces
    cells = decide(
        [piece.measured for piece in pieces.values()],
        planned=plan.tasks,
        confidence=experiment.confidence,
        ppv_declared=experiment.ppv_declared,
    )
    whole = overall(
        cells, so_far.controls, failed=[n for n in so_far.not_run if n.kind == "failed"],
        complete=run.complete,
    )  # fmt: skip
    exposed, values = most_exposed(experiment, pieces, cells, include=include_records)
    body = Record(
        config_digest=experiment.config_digest or key_of(experiment=experiment.digest),
        config_path=experiment.config_path,
        seed=experiment.seed,
        confidence=experiment.confidence,
        tolerance=experiment.tolerance,
        model=model_entry(experiment),
        data=data_entry(experiment),
        policies=policy_entries(experiment),
        cells=cells,
        controls=so_far.controls,
        not_run=so_far.not_run,
        people=exposed,
        chains=chains(experiment, pieces),
        tier=whole.tier,
        verdict=whole.verdict,
        exit_code=whole.exit_code,
        statement="",
        records=values,
        run=run,
    )
    return body.model_copy(update={"statement": statement(body)})
