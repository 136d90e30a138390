"""Two small attacks on pictures: the audit must work with any."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks import Knowledge
from reticent.core import (
    Candidates,
    Channel,
    Family,
    NotEnoughKnowledge,
    ReconstructionClaim,
)


@dataclass(frozen=True, slots=True)
class ReadWeights:
    """One gradient step from grey: the weights of a linear model are its pictures."""

    name: ClassVar[str] = "read-weights"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = Channel.WEIGHTS
    wants: ClassVar[frozenset[str]] = frozenset({"images"})
    cost: ClassVar[str] = "one step"
    source: ClassVar[str] = "a test"
    nearly: int = 0  # pictures left unfinished

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> ReconstructionClaim:
        space = knowledge.images
        if space is None or candidates.y is None:
            raise NotEnoughKnowledge("No pictures.")
        weights = access.weights().coef_[candidates.y]  # type: ignore[attr-defined]  # linear
        steps = weights / np.abs(weights).max(axis=1, keepdims=True) / 2
        images = (0.5 + steps).reshape(-1, *space.shape)
        images[len(images) - self.nearly :] = np.nan
        return ReconstructionClaim(images=images, confidence=np.ones(len(images)), steps=1)


@dataclass(frozen=True, slots=True)
class WeighPictures:
    """The adversary's pictures, weighed by what the model says about each."""

    name: ClassVar[str] = "weigh-pictures"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = Channel.SCORES | Channel.LABEL
    wants: ClassVar[frozenset[str]] = frozenset({"images", "population"})
    cost: ClassVar[str] = "a query a picture"
    source: ClassVar[str] = "a test"

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> ReconstructionClaim:
        space, people = knowledge.images, knowledge.population
        if space is None or people is None or candidates.y is None:
            raise NotEnoughKnowledge("No pictures.")
        left = access.queries_left
        x = np.asarray(people.x)[: len(people) if left is None else max(left, 40)]
        answer = access.ask(x)
        if answer.scores is not None:
            weights = np.nan_to_num(answer.scores)
        else:
            weights = np.eye(len(access.classes))[answer.labels]
        weights = weights[:, candidates.y] / np.maximum(weights.sum(axis=0)[candidates.y], 1e-9)
        pictures = space.pictures(x).reshape(len(x), -1)
        images = (weights.T @ pictures).reshape(-1, *space.shape)
        return ReconstructionClaim(images=images, confidence=weights.max(axis=0))
