"""Which attack is run at which access through which policy, and what is not, and why."""

from collections.abc import Iterable, Mapping, Sequence

from reticent.attacks import Attack
from reticent.audit.choice import chosen, not_chosen
from reticent.audit.images.experiment import ImageExperiment
from reticent.audit.plan import Plan, Task, doors_through, open_levels
from reticent.audit.record import NotRun
from reticent.config.audited import is_declared
from reticent.core import Channel, Family, Seen

LEVELS: Mapping[str, Channel] = {
    "weights": Channel.WEIGHTS,
    "intermediate": Channel.INTERMEDIATE,
    "explanation": Channel.EXPLANATION | Channel.LABEL,
    "embedding": Channel.EMBEDDING,
    "scores": Channel.SCORES | Channel.TOP_K | Channel.LABEL,
    "top_k": Channel.TOP_K | Channel.LABEL,
    "label": Channel.LABEL,
}
ALL_FIELDS, TOGETHER = "all-fields", "together"  # the adversary who hears every field at once
_BESIDE = {"explanation", "intermediate"}
_OWN = {
    "intermediate": Channel.INTERMEDIATE,
    "explanation": Channel.EXPLANATION,
    "embedding": Channel.EMBEDDING,
    "scores": Channel.SCORES,
    "top_k": Channel.TOP_K,
    "label": Channel.LABEL,
}


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
    wanted = chosen(experiment, shelf, only, on=" on pictures", beside=[ALL_FIELDS])
    tasks: list[Task] = []
    skipped: list[NotRun] = []
    for name, attack in shelf.items():
        if name not in wanted:
            skipped.append(not_chosen(name))
            continue
        if "population" in attack.wants and experiment.public is None:
            why = "The adversary has no pictures of its own; set data.public."
            skipped.append(NotRun(what=name, why=why, kind="not enough knowledge"))
            continue
        if experiment.embeds != bool(Channel.EMBEDDING & attack.accepts):
            wants, has = ("classes", "vectors") if experiment.embeds else ("vectors", "classes")
            why = f"It works on {wants}; this model answers with {has}."
            skipped.append(NotRun(what=name, why=why, kind="not exposed"))
            continue
        found = [
            Task(
                attack=name,
                family=Family.RECONSTRUCTION,
                level=level,
                policy=policy,
                seen=Seen.NOTHING if told_of(level, experiment.target.channels) else Seen.Y,
                declared=is_declared(experiment.declared, name, policy),
            )
            for policy, level in _doors(experiment, attack)
        ]
        tasks += found
        if not found:
            skipped.append(_shut(experiment, name, attack))
    tasks += _together(experiment, tasks)
    return Plan(tasks=tuple(tasks), not_run=tuple(skipped))


def _shut(experiment: ImageExperiment, name: str, attack: Attack) -> NotRun:
    """Say why there is no way in for an attack."""
    out = Channel.WEIGHTS & attack.accepts & experiment.exposed
    if out and not Channel.WEIGHTS & experiment.target.channels:
        # They get out all the same: "nothing found" elsewhere must not cover for that.
        why = "The weights get out, and this model's gradients cannot be read here."
        return NotRun(what=name, why=why, kind="failed")
    wanted = "/".join(c.name or "" for c in attack.accepts)
    why = f"It needs {wanted}, which this model or its policies do not expose."
    return NotRun(what=name, why=why, kind="not exposed")


def fields(tasks: Iterable[Task], policy: str) -> dict[str, list[str]]:
    """Return the fields of an answer -> the tasks that go by each alone, through one policy."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        if task.policy == policy and task.level not in ("weights", TOGETHER):
            found.setdefault(task.level, []).append(task.id)
    return found


def _together(experiment: ImageExperiment, tasks: Sequence[Task]) -> list[Task]:
    """Return a task for all fields of an answer at once, where it has fields beside its scores."""
    if ALL_FIELDS in experiment.exclude:
        return []
    several = {p: set(fields(tasks, p)) for p in experiment.policies}
    return [
        Task(
            attack=ALL_FIELDS,
            family=Family.RECONSTRUCTION,
            level=TOGETHER,
            policy=policy,
            seen=Seen.NOTHING if "intermediate" in found else Seen.Y,
            declared=is_declared(experiment.declared, ALL_FIELDS, policy),
        )
        for policy, found in several.items()
        if len(found) > 1 and found & _BESIDE
    ]


def levels(experiment: ImageExperiment, policy: str) -> list[str]:
    """Return the access levels that a policy leaves open, strongest first, weights aside."""
    offered = experiment.exposed & experiment.target.channels & ~Channel.WEIGHTS
    left = experiment.policies[policy].exposes(offered)
    return open_levels(_OWN, left)


def told_of(level: str, channels: Channel) -> Channel:
    """Return what is seen of a photo of each person at a level; nothing where classes are asked."""
    if Channel.EMBEDDING & channels:
        return Channel.EMBEDDING  # a vector is what there is to invert, weights or not
    return Channel.INTERMEDIATE if level == "intermediate" else Channel(0)


def _doors(experiment: ImageExperiment, attack: Attack) -> list[tuple[str, str]]:
    """Return the (policy, level) pairs that an attack goes through."""
    first = next(iter(experiment.policies))
    doors: list[tuple[str, str]] = []
    held = Channel.WEIGHTS & attack.accepts & experiment.exposed & experiment.target.channels
    if held and experiment.embeds:
        # What is inverted with the network in hand got out through each policy.
        doors += [
            (p, "weights") for p in experiment.policies if "embedding" in levels(experiment, p)
        ]
    elif held:
        doors.append((first, "weights"))  # once: no policy stands before open weights
    opened = {policy: levels(experiment, policy) for policy in experiment.policies}
    return doors + doors_through(opened, _OWN, attack.accepts)
