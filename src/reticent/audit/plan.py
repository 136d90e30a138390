"""What will be measured, and what will not and why, before anything is asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reticent.attacks import Attack
from reticent.audit.choice import chosen, not_chosen
from reticent.audit.experiment import Experiment
from reticent.audit.record import NotRun
from reticent.config.audited import is_declared
from reticent.core import Channel, Family, Seen

LEVELS = {
    "weights": Channel.WEIGHTS,
    "scores": Channel.SCORES | Channel.TOP_K | Channel.LABEL,
    "top_k": Channel.TOP_K | Channel.LABEL,
    "label": Channel.LABEL,
    "value": Channel.VALUE,
}
_OWN = {
    "scores": Channel.SCORES,
    "top_k": Channel.TOP_K,
    "label": Channel.LABEL,
    "value": Channel.VALUE,
}
RECORD_COLUMNS = 3  # a record counts as rebuilt when this many hidden columns are right at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attack at one access level through one policy, against one thing it wants.

    Attributes:
        attack: its name on the shelf.
        family: what it is after.
        level: the strongest channel it is given, a key of `LEVELS`.
        policy: name of one of the experiment's policies.
        seen: what the adversary has seen of the person.
        hidden: the columns that it wants; empty where the record is known.
        declared: in the family of tests that Holm's correction covers.
    """

    attack: str
    family: Family
    level: str
    policy: str
    seen: Seen
    hidden: tuple[str, ...] = ()
    declared: bool = True

    @property
    def id(self) -> str:
        """Return the stable name of the cell that this task fills."""
        wanted = ["+".join(self.hidden)] if self.hidden else []
        parts = [self.family, self.attack, self.level, self.seen, self.policy, *wanted, "all"]
        return "/".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run and what not."""

    tasks: tuple[Task, ...]
    not_run: tuple[NotRun, ...]


def draw_up(
    experiment: Experiment,
    shelf: Mapping[str, Attack],
    *,
    only: Iterable[str] = (),
) -> Plan:
    """Return every meaningful task for the experiment.

    Args:
        experiment: what is audited.
        shelf: the attacks by name, with their settings.
        only: names to run; empty for those that the experiment chose.

    Raises: BadInput for an attack that is not on the shelf.
    """
    wanted = chosen(experiment, shelf, only)
    tasks: list[Task] = []
    skipped: list[NotRun] = []
    for name, attack in shelf.items():
        if attack.accepts == Channel(0):
            continue  # asks nothing: it is a baseline and stands beside every cell
        if name not in wanted:
            skipped.append(not_chosen(name))
            continue
        found, why = _tasks_of(experiment, attack)
        tasks += found
        skipped += why
    return Plan(tasks=tuple(tasks), not_run=tuple(skipped))


def levels(experiment: Experiment, policy: str) -> list[str]:
    """Return the access levels that a policy leaves open, strongest first."""
    offered = experiment.exposed & experiment.target.channels
    left = experiment.policies[policy].exposes(offered & ~Channel.WEIGHTS)
    return open_levels(_OWN, left)


def open_levels(own: Mapping[str, Channel], left: Channel) -> list[str]:
    """Return the levels whose own channel is left, in their order.

    Args:
        own: level -> the channel that makes it what it is.
        left: what a policy leaves open.
    """
    found = [level for level, needed in own.items() if needed & left]
    if "scores" in found and "top_k" in found:
        found.remove("top_k")  # full scores contain the top k
    return found


def doors_through(
    opened: Mapping[str, list[str]], own: Mapping[str, Channel], accepts: Channel
) -> list[tuple[str, str]]:
    """Return the (policy, level) pairs that an attack goes through, weights aside.

    Args:
        opened: policy -> the levels that it leaves open; the first policy is in force.
        own: level -> the channel that makes it what it is.
        accepts: what the attack works with.
    """
    first = next(iter(opened))
    # Labels are the same under every policy that answers: asked once, and wherever they are all
    # there is.
    return [
        (policy, level)
        for policy, left in opened.items()
        for level in left
        if own[level] & accepts and (level != "label" or policy == first or left == ["label"])
    ]


def _tasks_of(experiment: Experiment, attack: Attack) -> tuple[list[Task], list[NotRun]]:
    lacking = _lacking(experiment, attack)
    if lacking:
        return [], [NotRun(what=attack.name, why=lacking, kind="not enough knowledge")]
    tasks: list[Task] = []
    for policy, level in _doors(experiment, attack):
        for seen, hidden in _wants(experiment, attack, level):
            tasks.append(
                Task(
                    attack=attack.name,
                    family=attack.family,
                    level=level,
                    policy=policy,
                    seen=seen,
                    hidden=hidden,
                    declared=_is_declared(experiment, attack, policy),
                )
            )
    if tasks:
        return tasks, []
    wanted = "/".join(c.name or "" for c in attack.accepts)
    why = f"It needs {wanted}, which this model or its policies do not expose."
    if not _sensitive_enough(experiment, attack):
        why = "No column is declared sensitive, so there is nothing to guess."
    return [], [NotRun(what=attack.name, why=why, kind="not exposed")]


def _is_declared(experiment: Experiment, attack: Attack, policy: str) -> bool:
    if attack.family is Family.EXTRACTION:
        return False  # kept apart: it says nothing of people
    return is_declared(experiment.declared, attack.name, policy)


def _doors(experiment: Experiment, attack: Attack) -> list[tuple[str, str]]:
    """Return the (policy, level) pairs that this attack goes through."""
    first = next(iter(experiment.policies))
    doors: list[tuple[str, str]] = []
    if Channel.WEIGHTS & attack.accepts & experiment.exposed & experiment.target.channels:
        doors.append((first, "weights"))  # once: no policy stands before open weights
    opened = {policy: levels(experiment, policy) for policy in experiment.policies}
    return doors + doors_through(opened, _OWN, attack.accepts)


def _wants(
    experiment: Experiment, attack: Attack, level: str
) -> list[tuple[Seen, tuple[str, ...]]]:
    if attack.family is Family.ATTRIBUTE:
        groups = [(s.column,) for s in experiment.sensitive] + list(experiment.hidden_together)
        return [(seen, group) for group in groups for seen in _seen(experiment, level)]
    if attack.family is Family.RECORD:
        group = record_columns(experiment)
        return [(Seen.Y, group)] if group else []
    return [(Seen.Y, ())]


def _seen(experiment: Experiment, level: str) -> list[Seen]:
    if level == "scores" or level == "top_k":
        return list(experiment.seen)
    return [s for s in experiment.seen if s is not Seen.SCORES]


def record_columns(experiment: Experiment) -> tuple[str, ...]:
    """Return the columns that a record attack has to rebuild: the sensitive ones and some more."""
    sensitive = [s.column for s in experiment.sensitive]
    if not sensitive:
        return ()
    more = [c for c in experiment.columns if c not in sensitive and c in experiment.domains]
    return tuple([*sensitive, *more][: max(RECORD_COLUMNS, len(sensitive))])


def _sensitive_enough(experiment: Experiment, attack: Attack) -> bool:
    return attack.family not in (Family.ATTRIBUTE, Family.RECORD) or bool(experiment.sensitive)


def _lacking(experiment: Experiment, attack: Attack) -> str:
    if "population" in attack.wants and experiment.auxiliary is None:
        return "The adversary has no auxiliary records; set data.auxiliary."
    if "references" in attack.wants and (
        experiment.trainer is None or experiment.reference_models < 2
    ):
        return (
            "The adversary can train no reference models; set model.reference and at least 2 "
            "adversary.reference_models."
        )
    if "shadows" in attack.wants and (
        experiment.trainer is None or experiment.auxiliary is None or experiment.shadow_models < 1
    ):
        return (
            "Shadow models take auxiliary records, a model.reference that can be trained, and at "
            "least 1 adversary.shadow_models."
        )
    return ""
