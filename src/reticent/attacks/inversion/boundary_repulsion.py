"""Pictures from labels alone by boundary repulsion (BREP-MI)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._images_black_box.questions import (
    allowance,
    ask,
    public_texture,
    wanted_classes,
)
from reticent.attacks._images_black_box.texture import Texture
from reticent.attacks.base import Knowledge
from reticent.core import (
    Bools,
    Candidates,
    Channel,
    Family,
    Floats,
    Ints,
    NotExposed,
    ReconstructionClaim,
)

LEAST = 32  # questions
SMALLEST = 0.1  # usual deviations of a cosine: the least sphere
WIDEST = 1.0  # usual lengths of a picture's genes: the greatest sphere
LOOKING = 0.25  # of the questions go to finding a first picture of each class
LABELLED = Channel.LABEL | Channel.TOP_K | Channel.SCORES


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryRepulsion:
    """Step away from the boundary until a whole sphere is one class, then ask of a larger sphere.

    Starts are draws from the public mean and spectrum that the model calls by the class's name.
    Around each class's point, questions lie on a sphere; the point moves away from those that got
    another name; if none did, the sphere grows, and if all did it shrinks. A class is done when a
    sphere as wide as pictures vary is all its own. Only labels are used, whatever is shown.

    Differs from the paper: the latent space is the most varying cosines of public pictures instead
    of a generator's, and all classes' spheres are asked about together.

    Attributes:
        queries: most questions in all; fewer where the query budget ends.
        genes: cosines that move.
        points: questions a sphere.
        radius: of the first sphere, in usual deviations of a cosine.
        growth: of the sphere, and of the step with it.
    """

    name: ClassVar[str] = "boundary-repulsion"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = LABELLED
    wants: ClassVar[frozenset[str]] = frozenset({"population", "images"})
    cost: ClassVar[str] = "16,000 queries in all, shared out to the classes; no training"
    source: ClassVar[str] = (
        "Kahla et al. 2022, Label-Only Model Inversion Attacks via Boundary Repulsion, "
        "https://arxiv.org/abs/2203.01925"
    )

    queries: int = 16_000
    genes: int = 64
    points: int = 32
    radius: float = 2.0
    growth: float = 1.3

    def __post_init__(self) -> None:
        if min(self.queries, self.genes) < 1 or self.points < 2:
            raise ValueError(
                f"queries is {self.queries}, genes {self.genes} and points {self.points}; they "
                "must be at least 1, 1 and 2."
            )
        if not (self.radius > 0 and self.growth > 1):
            raise ValueError(
                f"radius is {self.radius} and growth {self.growth}; they must be more than 0 and 1."
            )

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return a picture of every wanted class; the public mean for one that never showed.

        Raises: NotExposed, BudgetSpent (for fewer than 32 questions), NotEnoughKnowledge, BadInput.
        """
        wanted = wanted_classes(access, candidates, self.name)
        texture = public_texture(knowledge, self.name, self.genes)
        most = allowance(access, self.queries, LEAST, self.name)
        classes, place = np.unique(wanted, return_inverse=True)
        before = access.queries
        looking = max(int(LOOKING * most), LEAST // 2)
        points, found = self._starts(access, texture, classes, looking, rng)
        size = np.full(len(classes), self.radius)
        there, widest = np.flatnonzero(found), WIDEST * np.sqrt(len(texture))
        while len(there) and access.queries - before + len(there) * self.points <= most:
            self._step(access, texture, (classes, points, size), there, rng)
            there = there[size[there] < widest]
        x = np.clip(texture.decode(points * texture.deviation), 0, 1)
        return ReconstructionClaim(
            images=x[place].reshape(len(wanted), *texture.space.shape),
            confidence=np.where(found, size, 0.0)[place],
            notes={
                "queries": access.queries - before,
                "complete": most >= self.queries or not len(there),
                "classes_never_answered": int((~found).sum()),
            },
        )

    def _starts(
        self, access: Access, texture: Texture, classes: Ints, n: int, rng: np.random.Generator
    ) -> tuple[Floats, Bools]:
        """Return (m, g) the mean of what got each class's name, and (m,) whether anything did."""
        drawn = ask(access, texture, texture.draw(n, rng))
        if not (drawn.shown.labels >= 0).any():
            raise NotExposed(
                f"{access.target.name} gave no label to any of {n} pictures.",
                way_out="Choose an endpoint that answers pictures like these.",
            )
        mine = (drawn.shown.labels[:, None] == classes).astype(np.float64)
        count = mine.sum(axis=0)
        genes = mine.T @ (drawn.modes / texture.deviation)
        return genes / np.maximum(count, 1)[:, None], count > 0

    def _step(
        self,
        access: Access,
        texture: Texture,
        state: tuple[Ints, Floats, Floats],
        there: Ints,
        rng: np.random.Generator,
    ) -> None:
        """Move the points of the classes `there`, or let their spheres grow; in place."""
        classes, points, size = state
        way = rng.standard_normal((len(there), self.points, points.shape[1]))
        way = way / np.linalg.norm(way, axis=2, keepdims=True)
        asked = points[there][:, None] + size[there][:, None, None] * way
        heard = ask(access, texture, asked.reshape(-1, points.shape[1]) * texture.deviation)
        other = heard.shown.labels.reshape(len(there), -1) != classes[there][:, None]
        share = other.mean(axis=1)
        push = -np.einsum("mp,mpg->mg", other * 1.0, way)
        length = np.linalg.norm(push, axis=1, keepdims=True)
        push = np.divide(push, length, out=np.zeros_like(push), where=length > 0)
        lost, safe = share == 1, share == 0
        points[there] += np.where(lost | safe, 0.0, size[there] / 3)[:, None] * push
        change = np.where(safe, self.growth, np.where(lost, 1 / self.growth, 1.0))
        size[there] = np.maximum(size[there] * change, SMALLEST)
