"""Pictures from scores by natural evolution in the space of what pictures look like."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._images_black_box.questions import (
    ANSWERED,
    allowance,
    ask,
    public_texture,
    wanted_classes,
)
from reticent.attacks._images_black_box.shown import Shown
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Channel, Family, Floats, Ints, ReconstructionClaim

FAINTEST = 1e-9
LABEL_NATS = 3.0  # what the right label is worth where no score is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolvedPictures:
    """Let pictures of every class evolve towards the class's score: separable CMA-ES.

    Genes are the amplitudes of the most varying cosines of the public pictures, in their usual
    deviations, so that mutations look like pictures. Fitness is the shown log-odds of the class
    less the prior's cost. All classes' generations are asked about together.

    Differs from the papers: no generator network (mean and spectrum of public pictures), variances
    a gene instead of a whole covariance, and of withheld scores only what must be true is used.

    Attributes:
        queries: most questions in all; fewer where the query budget ends.
        genes: cosines that evolve.
        children: pictures a class and generation.
        plausibility: nats of fitness that a nat of the prior costs.
    """

    name: ClassVar[str] = "evolved-pictures"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = ANSWERED
    wants: ClassVar[frozenset[str]] = frozenset({"population", "images"})
    cost: ClassVar[str] = "16,000 queries in all, shared out to the classes; no training"
    source: ClassVar[str] = (
        "Ros and Hansen 2008, A Simple Modification in CMA-ES Achieving Linear Time and Space "
        "Complexity, https://doi.org/10.1007/978-3-540-87700-4_30; of pictures: An et al. 2022, "
        "Mirror, https://doi.org/10.14722/ndss.2022.24335"
    )

    queries: int = 16_000
    genes: int = 64
    children: int = 16
    plausibility: float = 0.02

    def __post_init__(self) -> None:
        if self.queries < 1 or self.genes < 1 or self.children < 4:
            raise ValueError(
                f"queries is {self.queries}, genes {self.genes} and children {self.children}; they "
                "must be at least 1, 1 and 4."
            )
        if not self.plausibility >= 0:
            raise ValueError(f"plausibility is {self.plausibility}; it must not be negative.")

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return a picture of every wanted class.

        Raises: NotExposed, BudgetSpent (for less than a generation), NotEnoughKnowledge, BadInput.
        """
        wanted = wanted_classes(access, candidates, self.name)
        texture = public_texture(knowledge, self.name, self.genes)
        classes, place = np.unique(wanted, return_inverse=True)
        a_generation = max(len(classes), 1) * self.children
        most = allowance(access, self.queries, a_generation, self.name)
        herd = _Herd.at_rest(len(classes), len(texture))
        before, best = access.queries, np.full(len(classes), -np.inf)
        for _ in range(most // a_generation):
            genes = herd.children(self.children, rng)
            flat = genes.reshape(-1, len(texture))
            heard = ask(access, texture, flat * texture.deviation)
            lived = heard.modes / texture.deviation
            fit = fitness(heard.shown, np.repeat(classes, self.children))
            fit = fit - self.plausibility / 2 * np.sum(lived**2, axis=1)
            best = np.maximum(best, fit.reshape(len(classes), -1).max(axis=1))
            herd = herd.after(lived.reshape(genes.shape), fit.reshape(len(classes), -1))
        x = np.clip(texture.decode(herd.mean * texture.deviation), 0, 1)
        return ReconstructionClaim(
            images=x[place].reshape(len(wanted), *texture.space.shape),
            confidence=best[place],
            notes={
                "queries": access.queries - before,
                "generations": most // a_generation,
                "complete": most >= self.queries,
            },
        )


def fitness(shown: Shown, own: Ints) -> Floats:
    """Return (n,) how much the answers speak for class `own` each, in nats of log-odds.

    A withheld score is at most what is left, shared among all the withheld.
    """
    rows = np.arange(len(own))
    seen = ~np.isnan(shown.scores)
    left = np.maximum(1 - np.nansum(shown.scores, axis=1), 0) / np.maximum((~seen).sum(axis=1), 1)
    p = np.where(seen[rows, own], np.nan_to_num(shown.scores[rows, own]), left)
    floor = max(shown.step / 2, FAINTEST)
    p = np.clip(p, floor, 1 - floor)
    odds = np.log(p) - np.log1p(-p)
    told = np.where(shown.labels == own, LABEL_NATS, 0.0)
    return np.asarray(np.where(seen.any(axis=1), odds, told))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Herd:
    """Where m populations stand.

    Attributes:
        mean: (m, g) their centres.
        spread: (m, g) variance of each gene.
        size: (m, 1) length of a step.
        path: (m, g) where the means have been going, in steps of usual length.
        drift: (m, g) likewise, for the variances.
    """

    mean: Floats
    spread: Floats
    size: Floats
    path: Floats
    drift: Floats

    @classmethod
    def at_rest(cls, m: int, g: int) -> "_Herd":
        zero = np.zeros((m, g))
        return cls(mean=zero, spread=zero + 1, size=np.full((m, 1), 0.5), path=zero, drift=zero)

    def children(self, n: int, rng: np.random.Generator) -> Floats:
        """Return (m, n, g) mutations of the means."""
        m, g = self.mean.shape
        step = rng.standard_normal((m, n, g)) * np.sqrt(self.spread)[:, None]
        return np.asarray(self.mean[:, None] + self.size[:, None] * step)

    def after(self, children: Floats, fit: Floats) -> "_Herd":
        """Return the next generation's populations; the better half of the children counts."""
        n, g = children.shape[1:]
        half = n // 2
        weight = np.log(half + 0.5) - np.log(np.arange(1, half + 1))
        weight = weight / weight.sum()
        mass = 1 / np.sum(weight**2)
        order = np.argsort(-fit, axis=1, kind="stable")[:, :half, None]
        steps = np.take_along_axis(children, order, axis=1) - self.mean[:, None]
        steps = steps / self.size[:, None]
        move = np.einsum("h,mhg->mg", weight, steps)
        # Constants as recommended by Hansen and Ostermeier, learning rates as by Ros and Hansen.
        fade, slow = (mass + 2) / (g + mass + 5), 4 / (g + 4)
        damp = 1 + fade + 2 * max(0.0, float(np.sqrt((mass - 1) / (g + 1))) - 1)
        rate = min(1.0, (g + 2) / 3 * (2 / (g + np.sqrt(2)) ** 2 + mass / ((g + 2) ** 2 + mass)))
        usual = np.sqrt(g) * (1 - 1 / (4 * g) + 1 / (21 * g**2))
        path = (1 - fade) * self.path
        path = path + np.sqrt(fade * (2 - fade) * mass) * move / np.sqrt(self.spread)
        drift = (1 - slow) * self.drift + np.sqrt(slow * (2 - slow) * mass) * move
        tried = np.einsum("h,mhg->mg", weight, steps**2)
        spread = (1 - rate) * self.spread + rate * (drift**2 / mass + (1 - 1 / mass) * tried)
        length = np.linalg.norm(path, axis=1, keepdims=True) / usual - 1
        return _Herd(
            mean=self.mean + self.size * move,
            spread=np.maximum(spread, 1e-12),
            size=np.clip(self.size * np.exp(np.minimum(fade / damp * length, 1)), 1e-3, 10.0),
            path=path,
            drift=drift,
        )
