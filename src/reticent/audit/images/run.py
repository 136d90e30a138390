"""Run an audit of a model of pictures, from plan to record."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zlib import crc32

import numpy as np

from reticent.attacks import Attack, attack_types, settings_of
from reticent.audit.images.cell import Outcome, run_cell
from reticent.audit.images.controls import jobs as control_jobs
from reticent.audit.images.door import Setting
from reticent.audit.images.experiment import ImageExperiment, check_experiment
from reticent.audit.images.grade import Bench, bench_for
from reticent.audit.images.panel import seat_judges
from reticent.audit.images.plan import LEVELS, draw_up
from reticent.audit.images.record import known_of, record_of
from reticent.audit.pieces import Measured, Piece, SingledOut, find, keep, piece_key, plain
from reticent.audit.plan import Plan, Task
from reticent.audit.record import Cell, Control, NotRun, Record, RunEntry
from reticent.audit.save import save, sealed
from reticent.audit.show import figure_of, figure_or_none
from reticent.audit.store import Store
from reticent.core import (
    BadAnswer,
    Family,
    NotEnoughKnowledge,
    NotExposed,
    ReticentError,
)
from reticent.core.events import Listener, Progress, silent


def picture_shelf() -> dict[str, Attack]:
    """Return every attack on pictures on the shelf, with its default settings."""
    return {
        name: kind()
        for name, kind in attack_types().items()
        if kind.family is Family.RECONSTRUCTION
    }


@dataclass(slots=True)
class _Progressed:
    """What has been measured so far; survives an interruption."""

    pieces: dict[str, Piece] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    not_run: list[NotRun] = field(default_factory=list)
    reused: int = 0


def run_image_audit(
    experiment: ImageExperiment,
    *,
    out: Path | None,
    now: Callable[[], datetime],
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
        resume: take finished pieces over from `out/work/`.
        only: attacks to run; empty for those that the experiment chose.
        include_records: put training photos into the record.
        shelf: attacks with their settings; default: every installed one.
        listen: hears how far the work has come.

    Raises: BadInput, BadAnswer and the like; KeyboardInterrupt. What was measured before is in
        `out/record.json` then, marked incomplete, and `resume=True` goes on from there.
    """
    started, clock, cpu = now(), time.perf_counter(), time.process_time()
    check_experiment(experiment)
    shelf = picture_shelf() if shelf is None else shelf
    plan = draw_up(experiment, shelf, only=only)
    store = Store(None if out is None else out / "work")
    if out is not None and not resume:
        _forget(store)
    so_far = _Progressed(not_run=list(plan.not_run))
    complete = False
    known = known_of(experiment)  # a model that does not work shows at once
    listen(Progress(stage="prepare", done=1, total=2, what="judges"))
    panel, warnings = seat_judges(experiment, _rng(experiment, "judges"))
    bench = bench_for(experiment, panel)
    listen(Progress(stage="prepare", done=2, total=2, what="judges"))
    known = known.warned(warnings)

    def record() -> Record:
        return record_of(
            bench,
            plan,
            so_far.pieces,
            so_far.controls,
            so_far.not_run,
            known,
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
        _measure(bench, plan, shelf, so_far, store=store, listen=listen)
        complete = True
    except BaseException:
        if out is not None and so_far.pieces:
            save(record(), out / "record.json")
        raise
    result = sealed(record())
    if out is not None:
        save(result, out / "record.json")
    return result


def _measure(
    bench: Bench,
    plan: Plan,
    shelf: Mapping[str, Attack],
    so_far: _Progressed,
    *,
    store: Store,
    listen: Listener,
) -> None:
    experiment = bench.experiment
    setting = Setting(
        target=experiment.target,
        space=experiment.space,
        population=experiment.population,
        candidates=experiment.candidates,
        secret=experiment.secret,
    )
    digest = experiment.digest
    for i, task in enumerate(plan.tasks):
        attack = shelf[task.attack]
        key = piece_key(digest, attack, task, experiment.policies[task.policy].digest)
        piece = find(store, key)
        if piece is None:
            piece = _work(bench, setting, attack, task, so_far)
            if piece is not None:
                keep(store, key, piece)
        if piece is not None:
            so_far.pieces[task.id] = piece
            so_far.reused += piece.reused
        reused = piece is not None and piece.reused
        listen(
            Progress(stage="cells", done=i + 1, total=len(plan.tasks), what=task.id, reused=reused)
        )
    _control(bench, plan, shelf, so_far, listen)


def _work(
    bench: Bench, setting: Setting, attack: Attack, task: Task, so_far: _Progressed
) -> Piece | None:
    """Run one task; an attack that cannot or does not work is written down, not dropped."""
    cpu = time.process_time()
    try:
        outcome = run_cell(bench, setting, attack, task, _rng(bench.experiment, task.id))
    except NotExposed as error:
        so_far.not_run.append(NotRun(what=task.id, why=str(error), kind="not exposed"))
        return None
    except NotEnoughKnowledge as error:
        so_far.not_run.append(NotRun(what=task.id, why=str(error), kind="not enough knowledge"))
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
    if "stopped" in outcome.notes:
        why = str(outcome.notes["stopped"])
        so_far.not_run.append(NotRun(what=task.id, why=why, kind="budget"))
    measured = _measured(bench, attack, task, outcome, time.process_time() - cpu)
    return Piece(measured=measured, arrays=outcome.graded.arrays)


def _measured(bench: Bench, attack: Attack, task: Task, outcome: Outcome, cpu_s: float) -> Measured:
    graded = outcome.graded
    singled = graded.individuals
    extra = [*graded.figures, *([graded.content] if graded.content else [])]
    return Measured(
        cell=Cell(
            id=task.id,
            attack=task.attack,
            family=task.family.value,
            access=task.level,
            seen=task.seen.value,
            policy=task.policy,
            declared=task.declared,
            primary=figure_of(graded.primary),
            gain=figure_or_none(graded.gain),
            baseline=figure_or_none(graded.baseline),
            training_leak=figure_or_none(graded.training_leak),
            figures=[figure_of(f) for f in extra],
            curves=list(graded.curves),
            p_value=graded.p_value,
            tolerance=bench.experiment.tolerance,
            tier="E?",
            verdict="inconclusive",
            why="",
            queries=outcome.queries,
            settings=plain(settings_of(attack)),
            notes={"gradient_steps": outcome.steps, **plain(outcome.notes)},
            source=attack.source,
        ),
        individuals=None
        if singled is None
        else SingledOut(
            rows=singled.rows.tolist(),
            precision=figure_of(singled.precision),
            confirmed=singled.confirmed,
            rule=singled.rule,
        ),
        content=figure_or_none(graded.content),
        reach=graded.reach,
        cpu_s=cpu_s,
    )


def _control(
    bench: Bench,
    plan: Plan,
    shelf: Mapping[str, Attack],
    so_far: _Progressed,
    listen: Listener,
) -> None:
    """Run the controls; the strongest access that an attack could be run at stands for all."""
    rank = {level: i for i, level in enumerate(LEVELS)}
    able = [
        t
        for t in plan.tasks
        if t.id in so_far.pieces and so_far.pieces[t.id].measured.cell.primary.estimate is not None
    ]
    task = min(able, key=lambda t: (rank[t.level], t.attack, t.id), default=None)
    attack = None if task is None else shelf[task.attack]
    work = control_jobs(bench, attack, task, _rng(bench.experiment, "controls"))
    for i, (what, job) in enumerate(work):
        try:
            so_far.controls += job()
        except (NotExposed, NotEnoughKnowledge) as error:
            so_far.not_run.append(
                NotRun(what=f"{what} control", why=str(error), kind="not enough knowledge")
            )
        except ReticentError as error:
            so_far.not_run.append(NotRun(what=f"{what} control", why=str(error), kind="failed"))
        listen(Progress(stage="controls", done=i + 1, total=len(work), what=what))


def _rng(experiment: ImageExperiment, what: str) -> np.random.Generator:
    """Return a generator of its own for each task, so that no task depends on its neighbours."""
    return np.random.default_rng([experiment.seed, 5, crc32(what.encode())])


def _forget(store: Store) -> None:
    """Drop the pieces of an earlier run, so that nothing is taken over unasked."""
    if store.folder is not None and store.folder.is_dir():
        for path in store.folder.iterdir():
            if path.suffix in (".json", ".npz"):
                path.unlink()


def _version() -> str:
    import reticent

    return reticent.__version__
