"""Pictures from answers by a learned inverse network."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from reticent.access import Access
from reticent.attacks._images_black_box.network import fit_inverse
from reticent.attacks._images_black_box.pictures import pictures_along
from reticent.attacks._images_black_box.questions import (
    ANSWERED,
    allowance,
    ask,
    public_texture,
    wanted_classes,
)
from reticent.attacks._images_black_box.shown import Shown
from reticent.attacks._images_black_box.texture import Texture
from reticent.attacks._settings import above_zero, at_least_one
from reticent.attacks.base import Knowledge
from reticent.attacks.inversion.inverse_map import features
from reticent.core import (
    Candidates,
    Channel,
    Family,
    Floats,
    Ints,
    NotEnoughKnowledge,
    ReconstructionClaim,
)

LEAST = 64  # questions
SUREST = 0.02  # of the answers, at least four, stand for a class's own
Material = Literal["texture", "public"]
MATERIALS: tuple[Material, ...] = ("texture", "public")


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseNetwork:
    """Teach a small network the way from the endpoint's answers back to what was asked.

    Questions are drawn from the public texture, or mixed from public pictures, two at a time, and
    answered through the policy under test. A straight line is fitted to answers (`features`) and
    pictures, and a network to what the line misses. A class's picture is where the answers that
    speak most for it point to.

    Differs from the paper: pictures are described by cosines, not pixels, and the network adds to a
    line, so that a few thousand questions teach it.

    Attributes:
        queries: most questions; fewer where the query budget ends.
        modes: cosines that a picture is described by.
        material: "texture" draws from mean and spectrum, which name nobody; "public" mixes the
            public pictures themselves: nearer to life, where they show nobody who is under attack.
        contrast: spread of what is drawn from the texture, in the public pictures'.
        rounds: minibatches of training.
        reach: how far from the mean a claimed picture is, in usual distances.
    """

    name: ClassVar[str] = "inverse-network"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = ANSWERED
    wants: ClassVar[frozenset[str]] = frozenset({"population", "images"})
    cost: ClassVar[str] = "4,000 queries in all, chosen beforehand; a network of 130,000 weights"
    source: ClassVar[str] = (
        "Yang et al. 2019, Neural Network Inversion in Adversarial Setting via Background "
        "Knowledge Alignment, https://arxiv.org/abs/1902.08552"
    )

    queries: int = 4000
    modes: int = 300
    material: Material = "texture"
    contrast: float = 1.0
    rounds: int = 1500
    reach: float = 0.8

    def __post_init__(self) -> None:
        at_least_one(queries=self.queries, modes=self.modes, rounds=self.rounds)
        if self.material not in MATERIALS:
            raise ValueError(f"material is {self.material!r}; it must be one of {list(MATERIALS)}.")
        above_zero(contrast=self.contrast, reach=self.reach)

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return a picture of every wanted class.

        Raises: NotExposed, BudgetSpent (for fewer than 64 questions), NotEnoughKnowledge, BadInput.
        """
        wanted = wanted_classes(access, candidates, self.name)
        texture = public_texture(knowledge, self.name, self.modes)
        most = allowance(access, self.queries, LEAST, self.name)
        before = access.queries
        if self.material == "texture":
            asked = self.contrast * texture.draw(most, rng)
        else:
            asked = mixed(_rows(knowledge, texture), texture, most, rng)
        heard = ask(access, texture, asked)
        told = features(heard.shown)
        inverse = fit_inverse(told, heard.modes, rng, rounds=self.rounds)
        classes, place = np.unique(wanted, return_inverse=True)
        own, sure = speaking(heard.shown, told, classes)
        images = pictures_along(inverse.modes(own) - inverse.level, texture, reach=self.reach)
        return ReconstructionClaim(
            images=images[place],
            confidence=sure[place],
            notes={
                "queries": access.queries - before,
                "complete": most >= self.queries,
                "classes_never_answered": int((sure == 0).sum()),
                "explained": round(inverse.explained, 4),
                "explained_by_line": round(inverse.line_explained, 4),
            },
        )


def mixed(rows: Floats, texture: Texture, n: int, rng: np.random.Generator) -> Floats:
    """Return (n, k) amplitudes of pictures between two public ones, more of the first."""
    pair = rng.integers(len(rows), size=(n, 2))
    share = rng.uniform(0, 0.5, size=(n, 1))
    modes = texture.encode(rows)
    return np.asarray((1 - share) * modes[pair[:, 0]] + share * modes[pair[:, 1]])


def speaking(shown: Shown, told: Floats, classes: Ints) -> tuple[Floats, Floats]:
    """Return the features of the answers that speak most for each class, and how many name it.

    Through bare labels that is the label itself; otherwise the mean over the two in a hundred
    answers with the highest feature of the class.

    Returns: (m, f) and (m,).
    """
    named = (shown.labels[:, None] == classes).sum(axis=0).astype(np.float64)
    if shown.bare:
        own = np.asarray(np.eye(told.shape[1])[classes])
        own[named == 0] = told.mean(axis=0)  # never heard of: the mean picture
        return own, named
    few = min(max(round(SUREST * len(told)), 4), len(told))
    best = np.argsort(-told[:, classes], axis=0, kind="stable")[:few]  # (few, m)
    return np.asarray(told[best].mean(axis=0)), named


def _rows(knowledge: Knowledge, texture: Texture) -> Floats:
    if knowledge.population is None or len(knowledge.population) < 2:
        raise NotEnoughKnowledge(
            "Questions are to be mixed from public pictures, and there are fewer than two.",
            way_out='Give the adversary pictures of other people, or take material="texture".',
        )
    x = np.asarray(knowledge.population.x, dtype=np.float64)
    return texture.space.pictures(x).reshape(len(x), -1)
