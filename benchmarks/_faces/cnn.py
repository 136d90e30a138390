"""A small convolutional network over 20 private people; the adversary has photos of 20 others."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reticent.attacks.base import Knowledge
from reticent.attacks.inversion.white_box import ImageInversion
from reticent.core import Population
from reticent.targets.torch import TorchModel

from .data import PICTURES, Photos, two_groups
from .judging import Judges
from .targets import cnn
from .white_box import attacked, mean_row

PRIVATE = 20
#: of this section: a seed has only 20 people, and one seed's dlib@1 is off by a tenth
SEEDS = 10
ATTACK = ImageInversion(steps=3, reach=0.2)  # all else as the attack itself settles it
PLAIN = replace(ATTACK, natural=0.0, spectrum=0.0, layers=0, pieces=0.0, blur=2.0)
PRIORS = {
    "blur alone": PLAIN,
    "and part in public pictures": replace(PLAIN, natural=0.5),
    "and public spectrum": replace(PLAIN, natural=0.5, spectrum=0.5),
    "and inner layers read": replace(ATTACK, pieces=0.0),
    "and drawn again from pieces": ATTACK,
    "blur, then PCA generator": replace(PLAIN, generator="pca"),
    "blur, then ICA generator": replace(PLAIN, generator="ica"),
    "blur, then VAE generator": replace(PLAIN, generator="vae"),
    "blur, VAE, spectrum": replace(PLAIN, generator="vae", generated=0.3, spectrum=0.5),
    "blur, total variation": replace(PLAIN, total_variation=0.1),
}


def public_people(train: Photos, held: Photos, people: np.ndarray) -> Knowledge:
    """Return all photos of these people as the adversary's own."""
    mine, more = train.of(people), held.of(people)
    return Knowledge(
        population=Population(
            x=PICTURES.inputs(np.concatenate([mine.x, more.x])),
            y=np.full(len(mine) + len(more), -1),
        ),
        images=PICTURES,
    )


def private_cnn(
    train: Photos, held: Photos, _: Sequence[Judges], walls: dict[str, list[np.ndarray]]
) -> dict[str, float]:
    """Print the section; return the bars.

    The line-up is of the private people alone: it has judges of its own. It has more seeds than
    other sections; the attack's settings were chosen on others (10 and on).
    """
    print("\n2. CNN, 20 private people, line-up of these 20, prior from 20 public people")
    who, ours, ceiling, times = np.arange(PRIVATE), [], [], []
    for seed in range(SEEDS):
        private, others = two_groups(seed)
        target = TorchModel(
            module=cnn(train.of(private), seed), classes=tuple(range(PRIVATE)), images=PICTURES
        )
        judge = Judges(held.of(private), seed)
        photos = train.of(private)
        own = np.stack([photos.x[photos.y == p].mean(axis=0) for p in who])
        claim, spent = attacked(ATTACK, target, public_people(train, held, others), who, seed)
        ceiling.append(judge.judge(own, who))
        ours.append(judge.judge(claim.images, who))
        times.append(spent)
        if seed == 0:
            walls["cnn"] = [own[:12], claim.images[:12]]
    mean_row("mean of the person's own 7 photos", ceiling, None)
    figures = mean_row("cnn: ours", ours, float(np.median(times)))
    _by_prior(train, held)
    return {"cnn_dlib1": figures["dlib1"], "cnn_dlib5": figures["dlib5"]}


def _by_prior(train: Photos, held: Photos) -> None:
    """Print what each prior adds, with the first seed."""
    print("   by prior, first seed")
    (private, others), who = two_groups(0), np.arange(PRIVATE)
    target = TorchModel(module=cnn(train.of(private), 0), classes=tuple(range(20)), images=PICTURES)
    judge, knowledge = Judges(held.of(private), 0), public_people(train, held, others)
    for name, attack in PRIORS.items():
        claim, spent = attacked(attack, target, knowledge, who, 0)
        mean_row(f"   {name}", [judge.judge(claim.images, who)], spent)
