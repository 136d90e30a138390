"""Checks of the audit itself: what must be found is found, and nothing where nothing is."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from reticent.attacks import Attack
from reticent.audit.controls import CONTROL_CONFIDENCE, PLANTED_CONFIDENCE, negative, positive
from reticent.audit.images.cell import make
from reticent.audit.images.door import Setting
from reticent.audit.images.grade import Bench, pictures_of
from reticent.audit.images.nobody import strangers, thumbnails
from reticent.audit.images.plan import LEVELS, told_of
from reticent.audit.images.planted import noise, prototypes
from reticent.audit.images.twins import TRAINED, twins
from reticent.audit.plan import Task
from reticent.audit.record import Control
from reticent.core import Bools, Leakage
from reticent.stats.lineup import agreement

TWINS = "twins without the person"
STAND_INS = "stand-ins for twins without the person"

Job = tuple[str, Callable[[], list[Control]]]


def jobs(
    bench: Bench, chosen: Sequence[tuple[Attack, Task]], rng: np.random.Generator
) -> list[Job]:
    """Return the controls to run: the judges', and those of attacks that could be run.

    Args:
        bench: what pictures are graded against.
        chosen: attacks that stand for all, and how each is run: one that asks about classes, one
            that works on what was seen of a photo.
        rng: of everything drawn here.
    """
    found: list[Job] = [("judges", lambda: judge_controls(bench))]
    for attack, task in chosen:
        found += (
            _seen_jobs(bench, attack, task, rng)
            if _seen(bench, task)
            else _class_jobs(bench, attack, task, rng)
        )
    return found


def representatives(
    bench: Bench, found_by: Mapping[Task, float], shelf: Mapping[str, Attack]
) -> list[tuple[Attack, Task]]:
    """Return the attacks that stand for all: of each kind, the best one at the strongest access.

    Args:
        bench: what pictures are graded against.
        found_by: tasks that could be run, with the share of people found.
        shelf: the attacks by name.
    """
    rank = {level: i for i, level in enumerate(LEVELS)}
    found = []
    for seen in (False, True):
        of_kind = [t for t in found_by if t.attack in shelf and _seen(bench, t) is seen]
        task = min(of_kind, key=lambda t: (rank[t.level], -found_by[t], t.id), default=None)
        if task is not None:
            found.append((shelf[task.attack], task))
    return found


def _seen(bench: Bench, task: Task) -> bool:
    return bool(told_of(task.level, bench.experiment.target.channels))


def _class_jobs(bench: Bench, attack: Attack, task: Task, rng: np.random.Generator) -> list[Job]:
    a, b, c = rng.spawn(3)
    found: list[Job] = [
        ("planted", lambda: [planted_control(bench, attack, task, a)]),
        ("random weights", lambda: [noise_control(bench, attack, task, b)]),
    ]
    if bench.experiment.twin_models:
        found.append(("twins", lambda: [twin_control(bench, attack, task, c)]))
    return found


def _seen_jobs(bench: Bench, attack: Attack, task: Task, rng: np.random.Generator) -> list[Job]:
    a, b = rng.spawn(2)
    return [
        ("thumbnails", lambda: [thumbnail_control(bench, attack, task, a)]),
        ("strangers", lambda: [stranger_control(bench, attack, task, b)]),
    ]


def judge_controls(bench: Bench) -> list[Control]:
    """Each judge must recognise genuine photos, or its silence about pictures means nothing."""
    chance = 1 / bench.panel.k
    found = [
        positive(
            f"genuine photos (judge {seat.judge.name})",
            "Photos that the judge had not seen; it must recognise the people.",
            bench.panel.sensitivity(seat, PLANTED_CONFIDENCE),
            at_least=chance,
        )
        for seat in bench.panel.seats
    ]
    people = bench.experiment.people
    nobody = agreement(
        np.where(bench.floor.right, people, -1),
        people,
        bench.panel.k,
        metric="line_up_2of3",
        confidence=CONTROL_CONFIDENCE,
    )
    found.append(
        negative(
            "picture of nobody",
            "The mean of many people's photos, shown for everybody: chance.",
            nobody,
            at_most=chance,
        )
    )
    return found


def planted_control(bench: Bench, attack: Attack, task: Task, rng: np.random.Generator) -> Control:
    """A model whose weights are the mean photos: the attack must bring them out."""
    setting = prototypes(bench.experiment, bench.experiment.training, "planted prototypes")
    found = _line_up(bench, setting, attack, task, rng, None, confidence=PLANTED_CONFIDENCE)
    return positive(
        f"planted prototypes ({attack.name}, {task.level})",
        "A model whose weights are each person's mean photo; the attack must find the people.",
        found,
        at_least=1 / bench.panel.k,
    )


def noise_control(bench: Bench, attack: Attack, task: Task, rng: np.random.Generator) -> Control:
    """A model that never learned: the line-up must come out at chance."""
    draw, run = rng.spawn(2)
    setting = noise(bench.experiment, draw)
    found = _line_up(bench, setting, attack, task, run, None, confidence=CONTROL_CONFIDENCE)
    return negative(
        f"random weights ({attack.name}, {task.level})",
        f"{setting.target.name}: the model was never trained; nobody may be recognised.",
        found,
        at_most=1 / bench.panel.k,
    )


def thumbnail_control(
    bench: Bench, attack: Attack, task: Task, rng: np.random.Generator
) -> Control:
    """A model whose vectors are small copies of the picture: the attack must show the people."""
    setting = thumbnails(bench.experiment)
    found = _line_up(bench, setting, attack, task, rng, None, confidence=PLANTED_CONFIDENCE)
    return positive(
        f"planted thumbnails ({attack.name}, {task.level})",
        "A model whose vectors, or inner layer, are small copies of the picture; the attack must "
        "find the people.",
        found,
        at_least=1 / bench.panel.k,
    )


def stranger_control(bench: Bench, attack: Attack, task: Task, rng: np.random.Generator) -> Control:
    """What was seen is of nobody: the line-up must come out at chance."""
    draw, run = rng.spawn(2)
    setting = strangers(bench.experiment, task.level, draw)
    found = _line_up(bench, setting, attack, task, run, None, confidence=CONTROL_CONFIDENCE)
    return negative(
        f"vectors of nobody ({attack.name}, {task.level})",
        "Vectors, or an inner layer's outputs, drawn like those of other people's pictures; nobody "
        "may be recognised.",
        found,
        at_most=1 / bench.panel.k,
    )


def twin_control(bench: Bench, attack: Attack, task: Task, rng: np.random.Generator) -> Control:
    """Models trained without the person: the line-up must come out at chance."""
    draw, run = rng.spawn(2)
    right: list[Bools] = []
    hows: set[str] = set()
    for setting, out, how in twins(bench.experiment, draw):
        seen = _right(bench, setting, attack, task, run)
        right.append(seen[np.isin(bench.experiment.people, out)])
        hows.add(how)
    every = np.concatenate(right)
    found = agreement(
        np.where(every, 1, -1),
        np.ones(len(every), dtype=np.int64),
        bench.panel.k,
        confidence=CONTROL_CONFIDENCE,
    )
    named = TWINS if hows == {TRAINED} else STAND_INS
    return negative(
        f"{named} ({attack.name}, {task.level})",
        "Two models, each trained without half of the people, whose classes hold other people's "
        f"photos ({', '.join(sorted(hows))}); whoever was left out may not be recognised.",
        found,
        at_most=1 / bench.panel.k,
    )


def _line_up(
    bench: Bench,
    setting: Setting,
    attack: Attack,
    task: Task,
    rng: np.random.Generator,
    query_budget: int | None,
    *,
    confidence: float,
) -> Leakage:
    people = bench.experiment.people
    right = _right(bench, setting, attack, task, rng, query_budget)
    return agreement(np.where(right, people, -1), people, bench.panel.k, confidence=confidence)


def _right(
    bench: Bench,
    setting: Setting,
    attack: Attack,
    task: Task,
    rng: np.random.Generator,
    query_budget: int | None = None,
) -> Bools:
    claim, _ = make(bench, setting, attack, task.level, None, rng, query_budget)
    images = pictures_of(claim, bench.experiment)
    return bench.panel.look(images, bench.experiment.people).right
