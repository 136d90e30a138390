"""Pictures from answers by a learned inverse: from answers back to what was asked."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._images_black_box.linear import Linear
from reticent.attacks._images_black_box.pictures import pictures_of
from reticent.attacks._images_black_box.questions import (
    ANSWERED,
    allowance,
    ask,
    public_texture,
    wanted_classes,
)
from reticent.attacks._images_black_box.shown import Shown
from reticent.attacks._settings import above_zero, at_least_one
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Channel, Family, Floats, ReconstructionClaim

LEAST = 32  # questions
FAINTEST = 1e-9
RIDGE = 1e-3  # of the answers' mean variance


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseMap:
    """Learn from made-up pictures and the endpoint's own answers how to get back to the picture.

    Pictures are drawn from the public mean and spectrum and asked about through the policy under
    test; a ridge regression leads from the answers (log-scores with what is withheld at the most
    that it can be, or labels as zeros and ones) back to the picture. A class's picture is where its
    answer points. Through labels this is the average of what was called by the class's name: the
    classification image of psychophysics.

    Differs from the paper: linear, so that a few thousand questions suffice, and trained on draws
    from the public pictures' spectrum instead of the pictures.

    Attributes:
        queries: most questions; fewer where the query budget ends.
        modes: cosines that a picture is described by.
        contrast: spread of the made-up pictures, in the public pictures'.
        reach: how far from the mean a claimed picture is, in usual distances.
    """

    name: ClassVar[str] = "inverse-map"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = ANSWERED
    wants: ClassVar[frozenset[str]] = frozenset({"population", "images"})
    cost: ClassVar[str] = "4,000 queries in all, chosen beforehand; one linear regression"
    source: ClassVar[str] = (
        "Yang et al. 2019, Neural Network Inversion in Adversarial Setting via Background "
        "Knowledge Alignment, https://arxiv.org/abs/1902.08552; labels: Ahumada and Lovell 1971, "
        "https://doi.org/10.1121/1.1912577"
    )

    queries: int = 4000
    modes: int = 300
    contrast: float = 1.0
    reach: float = 0.8

    def __post_init__(self) -> None:
        at_least_one(queries=self.queries, modes=self.modes)
        above_zero(contrast=self.contrast, reach=self.reach)

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return a picture of every wanted class.

        Raises: NotExposed, BudgetSpent (for fewer than 32 questions), NotEnoughKnowledge, BadInput.
        """
        wanted = wanted_classes(access, candidates, self.name)
        texture = public_texture(knowledge, self.name, self.modes)
        most = allowance(access, self.queries, LEAST, self.name)
        heard = ask(access, texture, self.contrast * texture.draw(most, rng))
        told = features(heard.shown)
        back, explained = _inverse(told, heard.modes)
        images, _ = pictures_of(
            Linear(weights=back.T, bias=np.zeros(len(back))),
            wanted,
            texture,
            reach=self.reach,
            smooth=0.0,
        )
        answers = (heard.shown.labels[:, None] == np.arange(told.shape[1])).sum(axis=0)
        return ReconstructionClaim(
            images=images,
            confidence=explained[wanted],
            notes={
                "queries": len(heard),
                "complete": most >= self.queries,
                "classes_never_answered": int((answers[np.unique(wanted)] == 0).sum()),
            },
        )


def features(shown: Shown) -> Floats:
    """Return (n, classes) numbers that stand for answers: log-scores from a row's mean, or ones."""
    if shown.bare:
        return np.asarray((shown.labels[:, None] == np.arange(shown.scores.shape[1])) * 1.0)
    seen = ~np.isnan(shown.scores)
    hidden = np.maximum((~seen).sum(axis=1, keepdims=True), 1)
    left = np.maximum(1 - np.nansum(shown.scores, axis=1, keepdims=True), 0) / hidden
    floor = max(shown.step / 2, FAINTEST)
    z = np.log(np.maximum(np.where(seen, np.nan_to_num(shown.scores), left), floor))
    return np.asarray(z - z.mean(axis=1, keepdims=True))


def _inverse(told: Floats, modes: Floats) -> tuple[Floats, Floats]:
    """Return (classes, k) modes by unit of each feature, and how far each class's go."""
    f, m = told - told.mean(axis=0), modes - modes.mean(axis=0)
    inner = f.T @ f
    inner += RIDGE * max(float(np.trace(inner)) / len(inner), 1e-12) * np.eye(len(inner))
    back = np.linalg.solve(inner, f.T @ m)
    return back, np.linalg.norm(back * f.std(axis=0)[:, None], axis=1)
