"""Answers alone: 40 classes through scores, rounded scores, label and confidence, and labels.

The adversary's public pictures are the 120 held-out photos (same camera, and the same people: what
the attacks keep of them is the mean, a smoothed spread by pixel and a smooth curve through their
spectrum, which name nobody). The learned inverse is trained on draws from that, not on the photos.
Queries are counted for all 40 classes together.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from reticent.access import BESIDE, QUERIED, Access
from reticent.attacks.base import Attack, Knowledge
from reticent.attacks.inversion.boundary_repulsion import BoundaryRepulsion
from reticent.attacks.inversion.evolution import EvolvedPictures
from reticent.attacks.inversion.explained import ExplainedPictures
from reticent.attacks.inversion.inverse_map import InverseMap
from reticent.attacks.inversion.inverse_network import InverseNetwork
from reticent.attacks.inversion.surrogate_pictures import SurrogatePictures
from reticent.core import Candidates, Population, ReconstructionClaim
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.explained import ExplainedModel
from reticent.targets.sklearn import SklearnTarget
from reticent.targets.torch import TorchModel

from .data import PICTURES, ROWS, Photos
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
MOST, FEW = 16_000, 300
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
    *((InverseNetwork(), policy) for policy in ("scores", "round2", "top5", "labels")),
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
    _field_by_field(train, held, judges[0])
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


def _field_by_field(train: Photos, held: Photos, judge: Judges) -> None:
    """Print what each field beside the answer adds: the MLP, 300 questions for 40 classes."""
    print(f"\nField by field, MLP, {FEW} questions in all")
    knowledge = Knowledge(
        population=Population(x=held.rows, y=np.full(len(held), -1)), images=PICTURES
    )
    plain = as_module(mlp(train, 0))
    means = np.stack([train.rows[train.y == p].mean(axis=0) for p in WHO])
    victims = np.stack([train.x[train.y == p][0] for p in WHO])
    shown = {
        "scores": ExplainedModel(model=plain),
        "scores + saliency": ExplainedModel(model=plain, explainer="saliency"),
        "scores + attribution": ExplainedModel(
            model=plain, explainer="attribution", baseline=held.rows.mean(axis=0)
        ),
        "scores + prototype": ExplainedModel(model=plain, explainer="prototype", prototypes=means),
        "scores + inner layer seen": ExplainedModel(model=plain, layer="1"),
    }
    for name, target in shown.items():
        attack: Attack = SurrogatePictures()
        seen = None
        if target.explainer != "none":
            attack = ExplainedPictures(kind=target.explainer)
        elif target.layer:
            attack, seen = ExplainedPictures(), target.answer(victims)
        access = Access(
            target=target,
            policy=Policy(),
            ledger=QueryLedger(FEW),
            identity="attack",
            exposed=QUERIED | BESIDE,
        )
        wanted = Candidates(x=np.empty((len(WHO), 0)), y=WHO, observed=seen)
        started = time.process_time()
        claim = attack.run(access, wanted, knowledge, np.random.default_rng(6))
        spent = time.process_time() - started
        if not isinstance(claim, ReconstructionClaim):
            raise TypeError(f"{attack.name} claims no pictures")
        mean_row(name, [judge.judge(claim.images, WHO)], spent)


def as_module(model: Any) -> TorchModel:
    """Return scikit-learn's MLP with one hidden layer as a torch module with the same weights."""
    import torch

    inner, outer = (torch.nn.Linear(*w.shape) for w in model.coefs_)
    with torch.no_grad():
        for layer, w, b in zip((inner, outer), model.coefs_, model.intercepts_, strict=True):
            layer.weight.copy_(torch.from_numpy(np.asarray(w).T.astype(np.float32)))
            layer.bias.copy_(torch.from_numpy(np.asarray(b).astype(np.float32)))
    module = torch.nn.Sequential(inner, torch.nn.Sigmoid(), outer).eval()
    return TorchModel(module=module, classes=tuple(WHO.tolist()), images=PICTURES, layout="rows")
