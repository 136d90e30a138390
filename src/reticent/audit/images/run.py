"""Run an audit of a model of pictures, from plan to record."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from reticent.attacks import Attack, attack_types, settings_of
from reticent.attacks.inversion.explained import ExplainedPictures
from reticent.audit.images.cell import Outcome, run_cell
from reticent.audit.images.controls import jobs as control_jobs, representatives
from reticent.audit.images.door import Setting
from reticent.audit.images.experiment import ImageExperiment, check_experiment
from reticent.audit.images.grade import Bench, bench_for, grade
from reticent.audit.images.panel import seat_judges
from reticent.audit.images.plan import draw_up, fields, told_of
from reticent.audit.images.planted import setting_of
from reticent.audit.images.record import known_of, record_of
from reticent.audit.images.together import AllFields
from reticent.audit.measured import Job, SoFar, Start, carry_out, measure_all, store_of
from reticent.audit.pieces import Measured, Piece, measured_of, piece_key
from reticent.audit.plan import Plan, Task
from reticent.audit.record import NotRun, Record, RunEntry
from reticent.audit.store import key_of
from reticent.audit.streams import Part, stream
from reticent.core import (
    Channel,
    Family,
    NotEnoughKnowledge,
    NotExposed,
    ReticentError,
    Seen,
)
from reticent.core.events import Listener, Progress, silent


def picture_shelf(experiment: ImageExperiment) -> dict[str, Attack]:
    """Return every attack on pictures on the shelf, told how the endpoint explains its answers."""
    explainer = getattr(experiment.target, "explainer", "none")
    found: dict[str, Attack] = {}
    for name, kind in attack_types().items():
        if kind.family is not Family.RECONSTRUCTION:
            continue
        make: Any = kind
        told = name == ExplainedPictures.name and explainer != "none"
        found[name] = make(kind=explainer) if told else make()
    return found


#: What the record calls that which was seen of a photo of each person.
SEEN = {Channel.EMBEDDING: "vectors", Channel.INTERMEDIATE: "inner layer"}


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
    start = Start.at_once(now)
    check_experiment(experiment)
    shelf = picture_shelf(experiment) if shelf is None else shelf
    plan = draw_up(experiment, shelf, only=only)
    store = store_of(out, resume=resume)
    known = known_of(experiment)  # a model that does not work shows at once
    listen(Progress(stage="prepare", done=1, total=2, what="judges"))
    panel, warnings = seat_judges(experiment, stream(experiment.seed, Part.PICTURES, "judges"))
    bench = bench_for(experiment, panel)
    listen(Progress(stage="prepare", done=2, total=2, what="judges"))
    known = known.warned(warnings)

    def measure(so_far: SoFar) -> None:
        jobs = _jobs(bench, plan, shelf, so_far)
        measure_all(jobs, len(plan.tasks), so_far, store=store, listen=listen)
        _control(bench, plan, shelf, so_far, listen)

    def record(so_far: SoFar, run: RunEntry) -> Record:
        return record_of(bench, plan, so_far, known, include_records=include_records, run=run)

    return carry_out(plan, measure, record, out=out, start=start, now=now)


def _jobs(bench: Bench, plan: Plan, shelf: Mapping[str, Attack], so_far: SoFar) -> Iterator[Job]:
    experiment = bench.experiment
    setting = setting_of(experiment, experiment.target, flat=experiment.space.flat)
    digest = experiment.digest
    for task in plan.tasks:
        if task.attack == AllFields.name:
            yield _all_fields(bench, plan, task, so_far)
            continue
        attack = shelf[task.attack]
        policy = experiment.policies[task.policy].digest
        yield Job(
            cell=task.id,
            key=piece_key(digest, attack, task, policy),
            work=partial(_work, bench, setting, attack, task),
        )


def _all_fields(bench: Bench, plan: Plan, task: Task, so_far: SoFar) -> Job:
    """Return the work of laying the pictures of all fields on one another."""
    heard = {
        field: [i for i in cells if _made(so_far, i)]
        for field, cells in fields(plan.tasks, task.policy).items()
    }
    attack = AllFields(fields={field: cells for field, cells in heard.items() if cells})
    parts = {i: so_far.pieces[i].measured.cell for cells in attack.fields.values() for i in cells}

    def work() -> Piece:
        cpu = time.process_time()
        claim = attack.claim({i: so_far.pieces[i].arrays["images"] for i in parts})
        rng = stream(bench.experiment.seed, Part.PICTURES, task.id)
        outcome = Outcome(
            graded=grade(bench, claim.images, claim.confidence, rng),
            queries=sum(cell.queries or 0 for cell in parts.values()),
            steps=sum(int(cell.notes.get("gradient_steps", 0)) for cell in parts.values()),
            notes=dict(claim.notes),
        )
        settings = {"fields": attack.fields}
        spent = time.process_time() - cpu
        measured = _measured(bench, settings, attack.source, task, outcome, spent)
        return Piece(measured=measured, arrays=outcome.graded.arrays)

    key = key_of(
        piece="all fields",
        experiment=bench.experiment.digest,
        task=task.id,
        policy=bench.experiment.policies[task.policy].digest,
        parts={i: [cell.settings, cell.notes] for i, cell in parts.items()},
    )
    return Job(cell=task.id, key=key, work=work)


def _made(so_far: SoFar, cell: str) -> bool:
    piece = so_far.pieces.get(cell)
    return piece is not None and piece.measured.cell.primary.estimate is not None


def _work(bench: Bench, setting: Setting, attack: Attack, task: Task) -> Piece:
    cpu = time.process_time()
    outcome = run_cell(
        bench, setting, attack, task, stream(bench.experiment.seed, Part.PICTURES, task.id)
    )
    settings = settings_of(attack)
    spent = time.process_time() - cpu
    measured = _measured(bench, settings, attack.source, task, outcome, spent)
    return Piece(measured=measured, arrays=outcome.graded.arrays)


def _measured(
    bench: Bench,
    settings: Mapping[str, Any],
    source: str,
    task: Task,
    outcome: Outcome,
    cpu_s: float,
) -> Measured:
    return measured_of(
        task,
        outcome.graded,
        tolerance=bench.experiment.tolerance,
        queries=outcome.queries,
        settings=settings,
        notes={"gradient_steps": outcome.steps, **outcome.notes},
        source=source,
        cpu_s=cpu_s,
        seen=_seen(bench, task),
    )


def _seen(bench: Bench, task: Task) -> str:
    """Return what the record says that the adversary had seen of each person."""
    told = told_of(task.level, bench.experiment.target.channels)
    if not told and task.seen is Seen.NOTHING:
        told = Channel.INTERMEDIATE  # all fields, this one among them
    return SEEN.get(told, task.seen.value)


def _control(
    bench: Bench,
    plan: Plan,
    shelf: Mapping[str, Attack],
    so_far: SoFar,
    listen: Listener,
) -> None:
    """Run the controls; the best attack at the strongest access stands for all."""
    found_by = {
        task: so_far.pieces[task.id].measured.cell.primary.estimate or 0.0
        for task in plan.tasks
        if _made(so_far, task.id)
    }
    chosen = representatives(bench, found_by, shelf)
    work = control_jobs(bench, chosen, stream(bench.experiment.seed, Part.PICTURES, "controls"))
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
