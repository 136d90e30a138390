"""Put an audit of a language model into the same record as every other audit."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from reticent.attacks.language import TextAttack, settings_of
from reticent.attacks.language.canaries import CanaryExposure
from reticent.audit.assembly import Known
from reticent.audit.grade.base import Graded
from reticent.audit.language.experiment import TextExperiment
from reticent.audit.pieces import Measured, plain
from reticent.audit.plan import Task
from reticent.audit.record import (
    Cell,
    DataEntry,
    ModelEntry,
    PolicyEntry,
)
from reticent.audit.show import figure_of, figure_or_none


def known_of(experiment: TextExperiment) -> Known:
    """Return what can be said before the first attack."""
    return Known(
        model=ModelEntry(
            name=experiment.target.name,
            owner=experiment.owner,
            kind=experiment.kind,
            task="text",
            digest=experiment.model_digest,
        ),
        data=DataEntry(
            digest=experiment.data_digest,
            n_members=len(experiment.training),
            n_non_members=len(experiment.unseen),
            n_auxiliary=0,
            columns=["text"],
            sensitive={},
            target=f"the next {experiment.target.unit}s of a text",
            warnings=[*experiment.warnings, *_preconditions(experiment)],
        ),
        policies=[
            PolicyEntry(name=name, digest=policy.digest, defences=policy.to_list())
            for name, policy in experiment.policies.items()
        ],
    )


def _preconditions(experiment: TextExperiment) -> list[str]:
    found: list[str] = []
    if not experiment.knowledge.references and experiment.knowledge.public is None:
        found.append(
            "Neither a reference model nor public texts are declared: text that everybody knows "
            "counts as a leak here."
        )
    if experiment.target.unit == "byte":
        found.append("The endpoint's tokens are not known: passages are counted in bytes.")
    if experiment.query_budget is None and experiment.token_budget is None:
        found.append("No budget is declared: an adversary may ask as often as it likes.")
    return found


def measured_of(
    experiment: TextExperiment,
    attack: TextAttack | CanaryExposure,
    task: Task,
    graded: Graded,
    *,
    queries: int,
    tokens: int,
    notes: Mapping[str, Any],
    cpu_s: float,
) -> Measured:
    """Return an outcome as plain data; texts are no part of it."""
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
            training_leak=figure_or_none(graded.training_leak),
            figures=[figure_of(f) for f in extra],
            p_value=graded.p_value,
            tolerance=experiment.tolerance,
            tier="E?",
            verdict="inconclusive",
            why="",
            queries=queries,
            settings=plain(
                asdict(attack) if isinstance(attack, CanaryExposure) else settings_of(attack)
            ),
            notes=plain({**notes, "tokens": tokens}),
            source=attack.source,
        ),
        content=figure_or_none(graded.content),
        reach=graded.reach,
        cpu_s=cpu_s,
    )
