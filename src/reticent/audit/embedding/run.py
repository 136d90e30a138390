"""Run an audit of vectors, from plan to record."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path

import numpy as np

from reticent.access import Access
from reticent.attacks import Attack, attack_types, settings_of
from reticent.attacks.embedding.nearest import NearestText
from reticent.audit.assembly import record_of
from reticent.audit.choice import chosen, not_chosen
from reticent.audit.embedding.controls import ROLLED, ROLLED_RIVAL, controls, rolled
from reticent.audit.embedding.experiment import EmbeddingExperiment, check_experiment
from reticent.audit.embedding.grade import grade_texts, prior_text, tokens
from reticent.audit.embedding.record import known_of
from reticent.audit.measured import Job, SoFar, Start, carry_out, measure_all, store_of
from reticent.audit.pieces import Piece, measured_of, piece_key
from reticent.audit.plan import Plan, Task
from reticent.audit.record import NotRun, Record, RunEntry
from reticent.audit.streams import Part, stream
from reticent.config.audited import is_declared
from reticent.core import (
    Answer,
    Candidates,
    Channel,
    Family,
    ReticentError,
    Seen,
    TextReconstructionClaim,
    as_texts,
)
from reticent.core.events import Listener, Progress, silent
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.kept_vectors import KeptVectors

ENDPOINT, COPY = "embedding", "copy"  # whom the adversary asks
BASELINE = NearestText.name  # every cell is held against it, so it is no cell of its own


def embedding_shelf() -> dict[str, Attack]:
    """Return every attack on vectors on the shelf, with its default settings."""
    return {
        name: kind() for name, kind in attack_types().items() if kind.family is Family.EMBEDDING
    }


def run_embedding_audit(
    experiment: EmbeddingExperiment,
    *,
    out: Path | None,
    now: Callable[[], datetime],
    resume: bool = False,
    only: Sequence[str] = (),
    shelf: Mapping[str, Attack] | None = None,
    listen: Listener = silent,
) -> Record:
    """Measure everything that the experiment allows and return the record.

    Args:
        experiment: what is audited.
        out: folder for `record.json` and, under `work/`, for finished pieces; None to keep
            nothing. Claimed texts are never written.
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
    # Every policy and attack asks much the same texts; the model answers each once.
    experiment = replace(experiment, target=KeptVectors(experiment.target))
    shelf = embedding_shelf() if shelf is None else shelf
    plan = draw_up(experiment, shelf, only=only)
    store = store_of(out, resume=resume)
    known = known_of(experiment)  # a model that does not work shows at once

    def measure(so_far: SoFar) -> None:
        jobs = _jobs(experiment, plan, shelf)
        measure_all(jobs, len(plan.tasks), so_far, store=store, listen=listen)
        so_far.controls += controls(experiment, so_far.pieces)
        listen(Progress(stage="controls", done=1, total=1, what="vectors"))

    def record(so_far: SoFar, run: RunEntry) -> Record:
        return record_of(experiment, plan, so_far, known, run=run)

    return carry_out(plan, measure, record, out=out, start=start, now=now)


def draw_up(
    experiment: EmbeddingExperiment, shelf: Mapping[str, Attack], *, only: Iterable[str] = ()
) -> Plan:
    """Return a task for every attack through every policy that lets vectors out.

    Raises: BadInput for an attack that is not on the shelf.
    """
    wanted = chosen(experiment, shelf, only, on=" on vectors")
    tasks: list[Task] = []
    skipped: list[NotRun] = []
    for name in shelf:
        if name not in wanted:
            skipped.append(not_chosen(name))
            continue
        if name == BASELINE:
            why = "It is what every other attack is held against."
            skipped.append(NotRun(what=name, why=why, kind="not chosen"))
            continue
        for policy, chain in experiment.policies.items():
            if not Channel.EMBEDDING & chain.exposes(Channel.EMBEDDING):
                why = f"Policy {policy!r} withholds vectors."
                skipped.append(NotRun(what=f"{name} under {policy}", why=why, kind="not exposed"))
                continue
            # A bare endpoint says what a copy says.
            levels = (ENDPOINT, COPY) if experiment.copy and chain.defences else (ENDPOINT,)
            tasks += [
                Task(
                    attack=name,
                    family=Family.EMBEDDING,
                    level=level,
                    policy=policy,
                    seen=Seen.NOTHING,
                    declared=is_declared(experiment.declared, name, policy),
                )
                for level in levels
            ]
    return Plan(tasks=tuple(tasks), not_run=tuple(skipped))


def _jobs(
    experiment: EmbeddingExperiment, plan: Plan, shelf: Mapping[str, Attack]
) -> Iterator[Job]:
    digest = experiment.digest
    rivals = cache(partial(_rivals, experiment))
    for task in plan.tasks:
        attack = shelf[task.attack]
        policy = experiment.policies[task.policy].digest
        yield Job(
            cell=task.id,
            key=piece_key(digest, attack, task, policy),
            work=partial(_work, experiment, attack, task, rivals),
        )


def _work(
    experiment: EmbeddingExperiment,
    attack: Attack,
    task: Task,
    rivals_under: Callable[[str], dict[str, tuple[str, ...]]],
) -> Piece:
    cpu = time.process_time()
    rng = stream(experiment.seed, Part.VECTORS, task.id)
    (grading,) = rng.spawn(1)
    access = (
        door(experiment, experiment.policies[task.policy], experiment.query_budget)
        if task.level == ENDPOINT
        else door(experiment, Policy(), None)
    )
    claim = attack.run(access, stolen(experiment, task.policy), experiment.knowledge, rng)
    if not isinstance(claim, TextReconstructionClaim) or len(claim.texts) != len(experiment.texts):
        raise ReticentError(f"{attack.name} claims no text for each vector.")
    rivals = rivals_under(task.policy)
    wanted = experiment.wanted
    graded = grade_texts(
        claim.texts,
        experiment.texts,
        rivals,
        grading,
        confidence=experiment.confidence,
        entities=wanted,
    )
    # The same texts, each held against another's truth: what must come out as nothing.
    apart = grade_texts(
        rolled(claim.texts),
        experiment.texts,
        {name: rolled(texts) for name, texts in rivals.items()},
        grading,
        confidence=experiment.confidence,
        entities=wanted,
    )
    arrays = {
        **graded.arrays,
        ROLLED: apart.arrays["read"],
        ROLLED_RIVAL: apart.arrays["read_by_rival"],
    }
    measured = measured_of(
        task,
        graded,
        tolerance=experiment.tolerance,
        queries=access.queries,
        settings=settings_of(attack),
        notes=claim.notes,
        source=attack.source,
        cpu_s=time.process_time() - cpu,
        seen="vectors",
    )
    return Piece(measured=measured, arrays=arrays)


def door(experiment: EmbeddingExperiment, policy: Policy, query_budget: int | None) -> Access:
    """Return the adversary's door to the endpoint under a policy, or to its own copy under none."""
    return Access(
        target=experiment.target,
        policy=policy,
        ledger=QueryLedger(query_budget),
        identity="adversary",
        exposed=Channel.EMBEDDING,
        secret=experiment.secret,
    )


def stolen(experiment: EmbeddingExperiment, policy: str) -> Candidates:
    """Return the vectors that get out under a policy, and nothing of the texts."""
    x = as_texts(experiment.texts)
    seen = experiment.policies[policy].apply(
        experiment.target.answer(x), x, secret=experiment.secret
    )
    return Candidates(
        x=np.empty((len(experiment.texts), 0)), observed=Answer(embeddings=seen.embeddings)
    )


def _rivals(experiment: EmbeddingExperiment, policy: str) -> dict[str, tuple[str, ...]]:
    """Return what is had without inverting: the nearest own text, and the commonest words."""
    n = len(experiment.texts)
    if not experiment.own:
        return {"prior": ("",) * n}
    lengths = [len(tokens(text)) for text in experiment.own]
    prior = prior_text(experiment.own, int(np.median(lengths)))
    found = NearestText().run(
        door(experiment, experiment.policies[policy], None),
        stolen(experiment, policy),
        experiment.knowledge,
        stream(experiment.seed, Part.VECTORS, "nearest"),
    )
    return {"prior": (prior,) * n, "nearest": found.texts}
