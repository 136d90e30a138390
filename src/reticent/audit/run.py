"""Run an audit from plan to record."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from reticent.attacks import Attack, attack_types
from reticent.audit import workers
from reticent.audit.artefact_control import artefact_controls
from reticent.audit.assembly import Known, record_of
from reticent.audit.bench import Bench, run_all
from reticent.audit.chain import chains
from reticent.audit.controls import (
    attribute_controls,
    blind_control,
    membership_controls,
    twin_control,
)
from reticent.audit.experiment import Experiment, check_people
from reticent.audit.measured import SoFar, Start, carry_out, store_of
from reticent.audit.people import most_exposed
from reticent.audit.pieces import Piece
from reticent.audit.plan import Plan, Task, draw_up
from reticent.audit.prepare import prepare
from reticent.audit.record import Cell, Control, NotRun, Record, RunEntry
from reticent.audit.store import Store
from reticent.audit.streams import Part, stream
from reticent.audit.summary import data_entry, model_entry, policy_entries
from reticent.core import (
    TABULAR,
    AttributeClaim,
    Family,
    NotEnoughKnowledge,
    Seen,
)
from reticent.core.events import Listener, Progress, silent

# Controls are run with the first of these that runs at all: quick, and sure to see a plain leak
# (likelihood ratios with few references can take an unusually sure answer for a stranger's).
CONTROL_MEMBERSHIP = ("rmia", "best", "eb-lira", "loss", "lira-offline", "gap")
CONTROL_ATTRIBUTE = ("map", "csmia", "calibrated", "lomia")


def default_shelf() -> dict[str, Attack]:
    """Return every attack on tables on the shelf, with its default settings."""
    return {n: kind() for n, kind in attack_types().items() if kind.family in TABULAR}


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
    start = Start.at_once(now, _cpu_s)
    from threadpoolctl import threadpool_limits

    if jobs > 1:
        workers.begin()
    check_people(experiment)
    shelf = default_shelf() if shelf is None else shelf
    plan = draw_up(experiment, shelf, only=only)
    store = store_of(out, resume=resume)
    # Asked first: a model that does not work shows at once, and one that breaks down later
    # cannot keep what was measured before from being written.
    known = Known(
        model=model_entry(experiment),
        data=data_entry(experiment),
        policies=policy_entries(experiment),
    )

    def measure(so_far: SoFar) -> None:
        # Work is shared out over processes; threads inside them only get in each other's way.
        with threadpool_limits(limits=1):
            _measure(experiment, plan, shelf, so_far, store=store, jobs=jobs, listen=listen)

    def beside(pieces: Mapping[str, Piece], cells: list[Cell]) -> dict[str, Any]:
        people, records = most_exposed(experiment, pieces, cells, include=include_records)
        return {"people": people, "records": records, "chains": chains(experiment, pieces)}

    def record(so_far: SoFar, run: RunEntry) -> Record:
        return record_of(experiment, plan, so_far, known, run=run, beside=beside)

    return carry_out(plan, measure, record, out=out, start=start, now=now)


def _cpu_s() -> float:
    """Return processor seconds of this process and of its workers that have ended."""
    return sum(os.times()[:4]) + workers.cpu_s()


def _measure(
    experiment: Experiment,
    plan: Plan,
    shelf: Mapping[str, Attack],
    so_far: SoFar,
    *,
    store: Store,
    jobs: int,
    listen: Listener,
) -> None:
    wants = {name: attack.wants for name, attack in shelf.items()}
    prepared = prepare(experiment, plan.tasks, wants, store=store, jobs=jobs, listen=listen)
    so_far.reused += prepared.reused
    bench = Bench(prepared, shelf, store, experiment.digest)
    try:
        _work_through(bench, plan, so_far, jobs=jobs, listen=listen)
    except BaseException:
        for task in plan.tasks:  # what another process had finished counts as measured
            piece = bench.kept(task)
            if piece is not None:
                so_far.pieces.setdefault(task.id, piece)
        raise
    _control(bench, plan, so_far, listen)


def _work_through(bench: Bench, plan: Plan, so_far: SoFar, *, jobs: int, listen: Listener) -> None:
    for i, done in enumerate(run_all(bench, plan.tasks, jobs=jobs)):
        if done.piece is not None:
            so_far.pieces[done.task.id] = done.piece
            so_far.reused += done.piece.reused
        if done.not_run is not None:
            so_far.not_run.append(done.not_run)
        listen(
            Progress(
                stage="cells",
                done=i + 1,
                total=len(plan.tasks),
                what=done.task.id,
                reused=done.piece is not None and done.piece.reused,
            )
        )


def _control(bench: Bench, plan: Plan, so_far: SoFar, listen: Listener) -> None:
    prepared, shelf = bench.prepared, bench.shelf
    experiment = prepared.experiment
    # An attack that could not be run cannot stand for its family; a budget binds the audit alone.
    broken = {n.what for n in so_far.not_run if n.kind != "budget"}
    able = [task for task in plan.tasks if task.id not in broken]
    drawn = partial(stream, experiment.seed, Part.TABLES)
    jobs: list[tuple[str, Callable[[], list[Control]]]] = []
    membership = _first(able, Family.MEMBERSHIP, CONTROL_MEMBERSHIP)
    if membership is not None:
        task = membership
        jobs.append(
            (
                "membership",
                lambda: membership_controls(
                    prepared, shelf[task.attack], task, drawn("membership controls")
                ),
            )
        )
        jobs.append(
            (
                "twin",
                lambda: twin_control(prepared, shelf[task.attack], task, drawn("twin control")),
            )
        )
    if any(task.family in (Family.MEMBERSHIP, Family.RANGE) for task in plan.tasks):
        jobs.append(("blind", lambda: [blind_control(experiment, drawn("blind"))]))
    attribute = _first(able, Family.ATTRIBUTE, CONTROL_ATTRIBUTE)
    attribute = attribute or _first(able, Family.RECORD, ())
    if attribute is not None:
        chosen = attribute
        jobs.append(
            (
                "attribute",
                lambda: attribute_controls(
                    prepared,
                    shelf[chosen.attack],
                    chosen,
                    _needed(bench.imputation(chosen)),
                    drawn("attribute controls"),
                ),
            )
        )
    artefact = next((t for t in able if t.family is Family.ARTEFACT), None)
    if artefact is not None:
        scan = shelf[artefact.attack]
        jobs.append(("artefact", lambda: artefact_controls(experiment, scan, drawn("artefact"))))
    for i, (what, job) in enumerate(jobs):
        try:
            so_far.controls += job()
        except NotEnoughKnowledge as error:  # a twin costs a reference that the attack may need
            so_far.not_run.append(
                NotRun(what=f"{what} control", why=str(error), kind="not enough knowledge")
            )
        listen(Progress(stage="controls", done=i + 1, total=len(jobs), what=what))


def _needed(claim: AttributeClaim | None) -> AttributeClaim:
    if claim is None:
        raise TypeError("a task with hidden columns has an imputation")
    return claim


def _first(tasks: Sequence[Task], family: Family, order: Sequence[str]) -> Task | None:
    """Return the task that the controls of a family are run like: scores first, y seen."""
    # Who has seen nothing need not ask the model at all: nothing planted in it could show.
    ours = [
        task
        for task in tasks
        if task.family is family
        and (family is not Family.ATTRIBUTE or task.seen is not Seen.NOTHING)
    ]
    rank = {name: i for i, name in enumerate(order)}
    level = {"scores": 0, "value": 0, "top_k": 1, "label": 2, "weights": 3}
    seen = {Seen.Y: 0, Seen.LABEL: 1, Seen.SCORES: 2, Seen.NOTHING: 3}
    return min(
        ours,
        key=lambda t: (level[t.level], rank.get(t.attack, len(rank)), seen[t.seen], t.id),
        default=None,
    )
