"""Where nothing of the person is in the model, nothing may be found."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .cnn import ATTACK as CNN_ATTACK, public_people
from .data import PICTURES, Photos, two_groups
from .judging import Judges, Verdict
from .targets import cnn, softmax_regression, untrained
from .white_box import ATTACKS, WHO, attacked, mean_picture, mean_row, served


def controls(
    train: Photos, held: Photos, judges: Sequence[Judges], walls: dict[str, list[np.ndarray]]
) -> dict[str, float]:
    """Print the section; return the bars: shares above chance, by the worst of the measures."""
    print("\n4. Controls: a line-up must be at chance")
    twins, fresh = [], []
    for seed, judge in enumerate(judges):
        drawn = _twins(train, held, seed)
        twins.append(judge.judge(drawn, WHO))
        if seed == 0:
            own = np.stack([train.x[train.y == p].mean(axis=0) for p in WHO[:12]])
            walls["twins"] = [own, drawn[:12]]
        fresh.append(_untrained(train, held, seed))
    return {
        "twin_lineup_excess": _excess("twins without the person", twins, 1 / 40),
        "random_init_excess": _excess("random weights (20 people)", fresh, 1 / 20),
    }


def _excess(name: str, found: Sequence[Verdict], chance: float) -> float:
    figures = mean_row(name, found, None)
    return max(figures["2of3"], figures["dlib1"]) - chance


def _twins(train: Photos, held: Photos, seed: int) -> np.ndarray:
    """Return each person's class as drawn from a model that was trained on the 39 others alone.

    The class is there and no photo was ever put under it: what is drawn for it owes the person
    nothing.
    """
    drawn = np.zeros((len(WHO), *train.x.shape[1:]))
    for person in WHO.tolist():
        there = train.y != person
        model: Any = softmax_regression(Photos(x=train.x[there], y=train.y[there]), seed)
        target, space = served(model)
        claim, _ = attacked(ATTACKS["softmax"], target, mean_picture(held, space), WHO, seed)
        drawn[person] = claim.images[person]
    return drawn


def _untrained(train: Photos, held: Photos, seed: int) -> Verdict:
    from reticent.targets.torch import TorchModel

    private, others = two_groups(seed)
    module = untrained(cnn(train.of(private), seed), seed)
    target = TorchModel(module=module, classes=tuple(range(20)), images=PICTURES)
    who = np.arange(20)
    claim, _ = attacked(CNN_ATTACK, target, public_people(train, held, others), who, seed)
    return Judges(held.of(private), seed).judge(claim.images, who)
