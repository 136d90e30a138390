"""Run an audit of a language model, from plan to record."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from reticent.attacks.language import TextAttack, settings_of, text_attack_types
from reticent.attacks.language.canaries import CanaryExposure
from reticent.audit.assembly import record_of
from reticent.audit.choice import chosen, not_chosen
from reticent.audit.grade.base import Graded
from reticent.audit.language.controls import NULL_HITS, NULL_SCORES, controls
from reticent.audit.language.experiment import (
    LEAST_PASSAGES,
    TextExperiment,
    check_experiment,
)
from reticent.audit.language.exposure import (
    NAME as CANARIES,
    exposure_tasks,
    measure_exposure,
)
from reticent.audit.language.grade import MEMBER, grade_passages, grade_written
from reticent.audit.language.record import known_of
from reticent.audit.measured import Job, SoFar, Start, carry_out, measure_all, store_of
from reticent.audit.pieces import Piece, measured_of, piece_key
from reticent.audit.plan import Plan, Task
from reticent.audit.record import NotRun, Record, RunEntry
from reticent.audit.streams import Part, stream
from reticent.config.audited import is_declared
from reticent.core import (
    Channel,
    Column,
    Family,
    NotEnoughKnowledge,
    ReticentError,
    Seen,
)
from reticent.core.events import Listener, Progress, silent
from reticent.core.language import Passage, TextClaim

LEVELS = {
    "logprobs": Channel.TOKENS | Channel.LOGPROBS,
    "tokens": Channel.TOKENS,
}
#: Attacks that have the model write by chance.
SAMPLING = ("divergence", "unprompted-generation")


def run_text_audit(
    experiment: TextExperiment,
    *,
    out: Path | None,
    now: Callable[[], datetime],
    resume: bool = False,
    only: Sequence[str] = (),
    shelf: Mapping[str, TextAttack] | None = None,
    listen: Listener = silent,
) -> Record:
    """Measure everything that the experiment allows and return the record.

    Args:
        experiment: what is audited.
        out: folder for `record.json` and, under `work/`, for finished pieces; None to keep
            nothing. Texts are never written.
        now: tells the time.
        resume: take finished pieces over from `out/work/`.
        only: attacks to run; empty for those that the experiment chose.
        shelf: attacks with their settings; default: every installed one.
        listen: hears how far the work has come.

    Raises: BadInput, BadAnswer and the like; KeyboardInterrupt. What was measured before is in
        `out/record.json` then, marked incomplete, and `resume=True` goes on from there.
    """
    start = Start.at_once(now)
    check_experiment(experiment)
    shelf = text_shelf(experiment) if shelf is None else shelf
    plan = draw_up(experiment, shelf, only=only)
    store = store_of(out, resume=resume)
    known = known_of(experiment)

    def measure(so_far: SoFar) -> None:
        jobs = _jobs(experiment, plan, shelf)
        measure_all(jobs, len(plan.tasks), so_far, store=store, listen=listen)
        so_far.controls += controls(experiment, so_far.pieces)
        listen(Progress(stage="controls", done=1, total=1, what="texts"))

    def record(so_far: SoFar, run: RunEntry) -> Record:
        return record_of(experiment, plan, so_far, known, run=run)

    return carry_out(plan, measure, record, out=out, start=start, now=now)


def text_shelf(experiment: TextExperiment) -> dict[str, TextAttack]:
    """Return every attack on language models on the shelf, set as the experiment declares."""
    shared = {
        "draws": experiment.draws,
        "success": experiment.success,
        "prompt": experiment.prompt,
        "wanted": experiment.wanted,
    }
    takes = {
        "discoverable-extraction": ("draws", "success"),
        "document-screening": ("draws", "success", "prompt", "wanted"),
    }
    # An endpoint of OpenAI's protocol takes no top_k: there is nothing to cut the tail with.
    cuts = getattr(experiment.target, "sends_top_k", True)
    found: dict[str, TextAttack] = {}
    for name, kind in text_attack_types().items():
        make: Any = kind
        settings = {key: shared[key] for key in takes.get(name, ())}
        found[name] = make(**settings, **({} if cuts or name not in SAMPLING else {"top_k": 0}))
    return found


def draw_up(
    experiment: TextExperiment, shelf: Mapping[str, TextAttack], *, only: Iterable[str] = ()
) -> Plan:
    """Return a task for every attack through every policy, with the most that is open to it.

    Raises: BadInput for an attack that is not on the shelf.
    """
    wanted = chosen(experiment, [*shelf, CANARIES], only, on=" on texts")
    tasks: list[Task] = []
    skipped: list[NotRun] = []
    for name, attack in shelf.items():
        if name not in wanted:
            skipped.append(not_chosen(name))
            continue
        for policy in experiment.policies:
            open_ = experiment.door(policy).channels & attack.accepts
            if not open_:
                why = f"Policy {policy!r} and the model show nothing that it works with."
                skipped.append(NotRun(what=f"{name} under {policy}", why=why, kind="not exposed"))
                continue
            tasks.append(
                Task(
                    attack=name,
                    family=Family.TEXT,
                    level="logprobs" if Channel.LOGPROBS & open_ else "tokens",
                    policy=policy,
                    seen=Seen.NOTHING,
                    declared=is_declared(experiment.declared, name, policy),
                )
            )
    if CANARIES in wanted:
        if experiment.canaries is not None:
            tasks += _canary_tasks(experiment)
        else:
            why = "No list of planted canaries is named (data.canaries)."
            skipped.append(NotRun(what=CANARIES, why=why, kind="not enough knowledge"))
    return Plan(tasks=tuple(tasks), not_run=tuple(skipped))


def _canary_tasks(experiment: TextExperiment) -> list[Task]:
    shown = [p for p in experiment.policies if Channel.LOGPROBS & experiment.door(p).channels]
    return exposure_tasks(
        weights=bool(Channel.WEIGHTS & experiment.target.channels),
        logprobs=shown,
        first=next(iter(experiment.policies)),
        declared=experiment.declared,
    )


def _jobs(experiment: TextExperiment, plan: Plan, shelf: Mapping[str, TextAttack]) -> Iterator[Job]:
    digest = experiment.digest
    under = {True: experiment.passages(), False: experiment.documents()}
    for task in plan.tasks:
        policy = experiment.policies[task.policy].digest
        if task.attack == CANARIES:
            exposure: Any = CanaryExposure()
            yield Job(
                cell=task.id,
                key=piece_key(digest, exposure, task, policy),
                work=partial(_exposure, experiment, exposure, task),
            )
            continue
        attack: Any = shelf[task.attack]
        yield Job(
            cell=task.id,
            key=piece_key(digest, attack, task, policy),
            work=partial(_work, experiment, attack, task, under[attack.prompted]),
        )


def _work(
    experiment: TextExperiment,
    attack: TextAttack,
    task: Task,
    under: tuple[list[Passage], Column],
) -> Piece:
    cpu = time.process_time()
    access = experiment.door(task.policy)
    passages, group = under

    few = min(int((group == MEMBER).sum()), int((group != MEMBER).sum()))
    if few < LEAST_PASSAGES:
        raise NotEnoughKnowledge(
            f"{few} documents are on one side; at least {LEAST_PASSAGES} are needed to tell the "
            "sides apart."
        )
    claim = attack.run(
        access, passages, experiment.knowledge, stream(experiment.seed, Part.TEXTS, task.id)
    )
    if claim.written is None and len(claim.scores) != len(passages):
        raise ReticentError(f"{attack.name} claims no score for each passage.")
    graded, nulls = _graded(experiment, claim, group)
    measured = measured_of(
        task,
        graded,
        tolerance=experiment.tolerance,
        queries=access.queries,
        settings=settings_of(attack),
        notes={
            **{k: v for k, v in claim.notes.items() if k != "scores"},
            "tokens": access.tokens_spent,
        },
        source=attack.source,
        cpu_s=time.process_time() - cpu,
    )
    return Piece(measured=measured, arrays={**graded.arrays, **nulls})


def _exposure(experiment: TextExperiment, attack: CanaryExposure, task: Task) -> Piece:
    cpu = time.process_time()
    if experiment.canaries is None:
        raise NotEnoughKnowledge("There is no list of canaries.")
    weights = task.level == "weights"
    access = experiment.white_box() if weights else experiment.door(task.policy)
    rng = stream(experiment.seed, Part.TEXTS, task.id)
    graded, notes = measure_exposure(
        access, experiment.canaries, attack, rng, confidence=experiment.confidence
    )
    measured = measured_of(
        task,
        graded,
        tolerance=experiment.tolerance,
        queries=access.queries,
        settings=asdict(attack),
        notes={**notes, "tokens": access.tokens_spent},
        source=attack.source,
        cpu_s=time.process_time() - cpu,
    )
    return Piece(measured=measured, arrays={**graded.arrays, NULL_HITS: graded.arrays["null"]})


def _graded(
    experiment: TextExperiment, claim: TextClaim, group: Column
) -> tuple[Graded, dict[str, Column]]:
    """Return the grade, and what the attack says of text that was never seen."""
    if claim.written is not None:
        size = min(sum(map(len, side)) for side in (experiment.training, experiment.unseen))
        sides = [_as_much(side, size) for side in (experiment.training, experiment.unseen)]
        least = min(20, experiment.wanted)
        whole = grade_written(
            claim, sides[0], sides[1], least=least, confidence=experiment.confidence
        )
        halves = [experiment.unseen[k::2] for k in (0, 1)]
        size = min(sum(map(len, half)) for half in halves)
        apart = [
            grade_written(
                claim,
                _as_much(half, size),
                [],
                least=least,
                confidence=experiment.confidence,
            ).arrays["right"]
            for half in halves
        ]
        return whole, {NULL_HITS: np.stack(apart, axis=1).ravel()}
    graded = grade_passages(
        claim,
        group,
        draws=experiment.draws,
        success=experiment.success,
        confidence=experiment.confidence,
    )
    if "right" in graded.arrays:
        return graded, {NULL_HITS: graded.arrays["right"][group != MEMBER]}
    return graded, {NULL_SCORES: claim.scores[group != MEMBER]}


def _as_much(documents: Sequence[Passage], size: int) -> list[Any]:
    """Return the ids of documents, `size` tokens in all."""
    found: list[Any] = []
    for document in documents:
        if size <= 0:
            break
        found.append(document.tokens[:size])
        size -= len(document)
    return found
