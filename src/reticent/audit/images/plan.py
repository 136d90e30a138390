"""Which attack is run at which access through which policy, and what is not, and why."""

from collections.abc import Iterable, Mapping

from reticent.attacks import Attack
from reticent.audit.images.experiment import ImageExperiment
from reticent.audit.plan import Plan, Task
from reticent.audit.record import NotRun
from reticent.core import BadInput, Channel, Family, Seen

LEVELS: Mapping[str, Channel] = {
    "weights": Channel.WEIGHTS,
    "gradients": Channel.GRADIENTS,
    "intermediate": Channel.INTERMEDIATE,
    "explanation": Channel.EXPLANATION,
    "embedding": Channel.EMBEDDING,
    "scores": Channel.SCORES | Channel.TOP_K | Channel.LABEL,
    "top_k": Channel.TOP_K | Channel.LABEL,
    "label": Channel.LABEL,
}
_OWN = {**LEVELS, "scores": Channel.SCORES, "top_k": Channel.TOP_K}


def draw_up(
    experiment: ImageExperiment, shelf: Mapping[str, Attack], *, only: Iterable[str] = ()
) -> Plan:
    """Return every meaningful task: attacks x access x policies.

    Args:
        experiment: what is audited.
        shelf: the attacks on pictures by name, with their settings.
        only: names to run; empty for those that the experiment chose.

    Raises: BadInput for an attack that is not on the shelf.
    """
    chosen = _chosen(experiment, shelf, only)
    tasks: list[Task] = []
    skipped: list[NotRun] = []
    for name, attack in shelf.items():
        if name not in chosen:
            skipped.append(NotRun(what=name, why="Not chosen for this audit.", kind="not chosen"))
            continue
        if "population" in attack.wants and experiment.public is None:
            why = "The adversary has no pictures of its own; set data.public."
            skipped.append(NotRun(what=name, why=why, kind="not enough knowledge"))
            continue
        found = [
            Task(
                attack=name,
                family=Family.RECONSTRUCTION,
                level=level,
                policy=policy,
                seen=Seen.Y,
                declared=_is_declared(experiment, name, policy),
            )
            for policy, level in _doors(experiment, attack)
        ]
        tasks += found
        if not found:
            wanted = "/".join(c.name or "" for c in attack.accepts)
            why = f"It needs {wanted}, which this model or its policies do not expose."
            skipped.append(NotRun(what=name, why=why, kind="not exposed"))
    return Plan(tasks=tuple(tasks), not_run=tuple(skipped))


def levels(experiment: ImageExperiment, policy: str) -> list[str]:
    """Return the access levels that a policy leaves open, strongest first, weights aside."""
    offered = experiment.exposed & experiment.target.channels & ~Channel.WEIGHTS
    left = experiment.policies[policy].exposes(offered)
    found = [level for level in LEVELS if level != "weights" and _OWN[level] & left]
    if "scores" in found and "top_k" in found:
        found.remove("top_k")  # full scores contain the top k
    return found


def _chosen(
    experiment: ImageExperiment, shelf: Mapping[str, Attack], only: Iterable[str]
) -> set[str]:
    asked = list(only) or [a for a in experiment.attacks if a != "all"] or list(shelf)
    declared = [attack for attack, _ in experiment.declared if attack != "all"]
    for name in [*asked, *experiment.exclude, *declared]:
        if name not in shelf:
            raise BadInput(
                f"There is no attack {name!r} on pictures; the shelf holds {sorted(shelf)}.",
                way_out="See `reticent attacks`.",
            )
    return set(asked) - set(experiment.exclude)


def _is_declared(experiment: ImageExperiment, attack: str, policy: str) -> bool:
    return any(a in ("all", attack) and p in ("all", policy) for a, p in experiment.declared)


def _doors(experiment: ImageExperiment, attack: Attack) -> list[tuple[str, str]]:
    """Return the (policy, level) pairs that an attack goes through."""
    first = next(iter(experiment.policies))
    doors: list[tuple[str, str]] = []
    if Channel.WEIGHTS & attack.accepts & experiment.exposed & experiment.target.channels:
        doors.append((first, "weights"))  # once: no policy stands before open weights
    for policy in experiment.policies:
        open_levels = levels(experiment, policy)
        for level in open_levels:
            if not _OWN[level] & attack.accepts:
                continue
            # Labels are the same under every policy that answers: asked once, and wherever
            # they are all there is.
            if level == "label" and policy != first and open_levels != ["label"]:
                continue
            doors.append((policy, level))
    return doors
