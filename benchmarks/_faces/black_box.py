"""Answers alone: 40 classes through scores, rounded scores, label and confidence, and labels.

The adversary's public pictures are the 120 held-out photos (same camera, and the same people: what
the attacks keep of them is the mean, a smoothed spread by pixel and a smooth curve through their
spectrum, which name nobody). The learned inverse is trained on draws from that, not on the photos.
Queries are counted for all 40 classes together.
"""

import time
from collections.abc import Sequence

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Attack, Knowledge
from reticent.attacks.inversion.boundary_repulsion import BoundaryRepulsion
from reticent.attacks.inversion.evolution import EvolvedPictures
from reticent.attacks.inversion.inverse_map import InverseMap
from reticent.attacks.inversion.surrogate_pictures import SurrogatePictures
from reticent.core import Candidates, Population, ReconstructionClaim
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.sklearn import SklearnTarget

from .data import ROWS, Photos
from .judging import Judges, Verdict
from .targets import mlp, softmax_regression
from .white_box import WHO, mean_row

POLICIES = {
    "scores": Policy(),
    "round2": Policy.from_list([{"kind": "round", "digits": 2}]),
    "top5": Policy.from_list([{"kind": "top_k", "k": 5}]),
    "top1": Policy.from_list([{"kind": "top_k", "k": 1}]),
    "labels": Policy.from_list([{"kind": "hard_label"}]),
}
MOST = 16_000
BARS = {
    ("softmax", "scores", 700): ("scores700_softmax", ("2of3",)),
    ("mlp", "scores", 700): ("scores700_mlp", ("2of3",)),
    ("softmax", "round2", MOST): ("round2_16k", ("2of3",)),
    ("softmax", "labels", MOST): ("labels16k", ("2of3", "dlib1")),
}
#: what is measured with every seed; the curves with the first alone
TABLE = [*BARS, ("softmax", "top1", MOST)]
CURVES = [
    *(("softmax", "scores", n) for n in (50, 200)),
    *(("softmax", "round2", n) for n in (700, 4000)),
    ("softmax", "top5", 4000),
    *(("softmax", "labels", n) for n in (700, 4000)),
    *(("mlp", policy, 4000) for policy in ("round2", "labels")),
]
OTHERS: tuple[tuple[Attack, str], ...] = (
    (InverseMap(), "scores"),
    (InverseMap(), "labels"),
    (EvolvedPictures(), "scores"),
    (BoundaryRepulsion(), "labels"),
)


def black_box(
    train: Photos, held: Photos, judges: Sequence[Judges], walls: dict[str, list[np.ndarray]]
) -> dict[str, float]:
    """Print the table and the curves; return the bars. `judges` has one entry a seed."""
    bars: dict[str, float] = {}
    print("\nAnswers alone, queries for all 40 classes together")
    top1 = 0.0
    for key in TABLE:
        name, policy, queries = key
        found, spent = [], 0.0
        for seed, judge in enumerate(judges):
            claim, cpu = answered(SurrogatePictures(), train, held, key, seed)
            found.append(judge.judge(claim.images, WHO))
            spent += cpu / len(judges)
            if seed == 0:
                own = [train.x[train.y == p].mean(axis=0) for p in WHO[:12]]
                walls[f"answers-{name}-{policy}"] = [np.stack(own), claim.images[:12]]
        figures = mean_row(f"{name}: {policy}, {queries}", found, spent)
        if key in BARS:
            bar, metrics = BARS[key]
            bars |= {f"{bar}_{metric}": figures[metric] for metric in metrics}
        else:
            top1 = figures["2of3"]
    bars["top1_minus_labels"] = top1 - bars["labels16k_2of3"]
    for key in CURVES:
        _once(SurrogatePictures(), train, held, key, judges[0])
    for attack, policy in OTHERS:
        _once(attack, train, held, ("softmax", policy, MOST), judges[0])
    return bars


def answered(
    attack: Attack, train: Photos, held: Photos, key: tuple[str, str, int], seed: int
) -> tuple[ReconstructionClaim, float]:
    """Return the claim of one run and the CPU seconds it took, the model's own included."""
    name, policy, queries = key
    make = {"softmax": softmax_regression, "mlp": mlp}[name]
    access = Access(
        target=SklearnTarget(make(train, seed)),
        policy=POLICIES[policy],
        ledger=QueryLedger(queries),
        identity="attack",
    )
    knowledge = Knowledge(population=Population(x=held.rows, y=np.full(len(held), -1)), images=ROWS)
    wanted = Candidates(x=np.empty((len(WHO), 0)), y=WHO)
    started = time.process_time()
    claim = attack.run(access, wanted, knowledge, np.random.default_rng([5, seed]))
    if not isinstance(claim, ReconstructionClaim):
        raise TypeError(f"{attack.name} claims no pictures")
    return claim, time.process_time() - started


def _once(
    attack: Attack, train: Photos, held: Photos, key: tuple[str, str, int], judge: Judges
) -> None:
    """Print the row of one run with the first seed."""
    claim, cpu = answered(attack, train, held, key, 0)
    verdict: Verdict = judge.judge(claim.images, WHO)
    name, policy, _ = key
    asked = claim.notes["queries"]
    mean_row(f"{attack.name}, {name}: {policy}, {asked}", [verdict], cpu)
