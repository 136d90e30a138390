"""Pictures from answers alone: copy the classifier where pictures live, then invert the copy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._images_black_box.linear import (
    Linear,
    blank,
    fit_censored,
    fit_exact,
)
from reticent.attacks._images_black_box.pictures import pictures_of
from reticent.attacks._images_black_box.questions import (
    ANSWERED,
    Heard,
    allowance,
    ask,
    noise,
    public_texture,
    telling,
    wanted_classes,
)
from reticent.attacks._images_black_box.texture import Texture
from reticent.attacks._settings import above_zero, at_least_one
from reticent.attacks.base import Knowledge
from reticent.core import (
    Candidates,
    Channel,
    Family,
    Floats,
    ReconstructionClaim,
)

LEAST = 8  # questions
FIRST = 4  # questions that show what is shown
EACH = 24  # questions a cosine are enough
NUDGE = 0.02  # of the usual distance: how far a question goes that exact scores answer
A_PRIORI = 5.0  # nats that a weight of one usual deviation costs, where labels are all there is
SURE = 0.05  # and where scores tell the size of the weights
STEPS, LAST_STEPS = 40, 150  # of the fit, in a round between and in the last
ROBUST, SETTLED = 0.3, 0.7  # progress at which a copy starts, and ends, to be relied on
CLOSER = 0.6  # contrast of questions to a settled copy, in that of the first
EAGER = 1.5  # power of progress: early rounds are short
FIRST_REACH, GROWTH, LAST_REACH = 0.25, 1.25, 0.65  # of the usual distance, to the balanced point


@dataclass(frozen=True, slots=True, kw_only=True)
class SurrogatePictures:
    """Ask about made-up pictures, fit a linear copy to whatever is shown, invert the copy.

    Pictures are described by the most varying cosines of the public ones. Exact scores: one
    cosine a question. Anything less: rounds of noise, first such as pictures vary, then ever
    finer, towards the point where no class is ahead, so that every answer tells much. The copy
    keeps to all that an answer says and to nothing that it withholds (`nearest_consistent`). A
    class's picture is the public mean plus its template, smoothed until it varies as pictures do.

    Differs from the paper: the copy is fitted to censored answers, by questions that it chooses;
    of public pictures nothing but mean and spectrum is used, so that what is recognised came out of
    the model.

    Attributes:
        queries: most questions; fewer where the query budget ends.
        modes: most cosines.
        rounds: rounds of questions where scores are not exact and complete.
        contrast: length of a question's noise, in usual distances from the mean.
        reach: how far from the mean a claimed picture is, in usual distances.
    """

    name: ClassVar[str] = "surrogate-pictures"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = ANSWERED
    wants: ClassVar[frozenset[str]] = frozenset({"population", "images"})
    cost: ClassVar[str] = "700 queries in all for exact scores, else 16,000; a convex fit a round"
    source: ClassVar[str] = (
        "Tramèr et al. 2016, Stealing Machine Learning Models via Prediction APIs (section 6: "
        "inversion of the copy), https://arxiv.org/abs/1609.02943"
    )

    queries: int = 16_000
    modes: int = 690
    rounds: int = 12
    contrast: float = 2.0
    reach: float = 0.8

    def __post_init__(self) -> None:
        at_least_one(queries=self.queries, modes=self.modes, rounds=self.rounds)
        above_zero(contrast=self.contrast, reach=self.reach)

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return a picture of every wanted class.

        Raises: NotExposed, BudgetSpent (for fewer than 8 questions), NotEnoughKnowledge, BadInput.
        """
        wanted = wanted_classes(access, candidates, self.name)
        texture = public_texture(knowledge, self.name, self.modes)
        most = allowance(access, self.queries, LEAST, self.name)
        before = access.queries
        length = self.contrast * texture.radius
        first = ask(access, texture, noise(FIRST, texture.deviation, length, 1.0, rng))
        exact = first.shown.full and first.shown.step == 0
        useful = len(texture) + 1 if exact else EACH * len(texture)
        if exact:
            heard, copy = self._exact(access, texture, most - FIRST)
        else:
            heard, copy = self._censored(access, texture, first, most - FIRST, rng)
        images, smooth = pictures_of(copy, wanted, texture, reach=self.reach)
        return ReconstructionClaim(
            images=images,
            confidence=_confidence(copy, wanted, texture, images),
            notes={
                "queries": access.queries - before,
                "complete": len(heard) >= min(self.queries, useful),
                "smoothing": round(smooth, 3),
                "modes": len(copy.weights),
                "shown": "scores" if first.shown.full else "labels" if first.shown.bare else "some",
                "step": first.shown.step,
            },
        )

    def _exact(self, access: Access, texture: Texture, most: int) -> tuple[Heard, Linear]:
        """Return a copy by one cosine a question, next to the mean."""
        k = min(len(texture), most - 1)
        steps = np.zeros((k + 1, k))
        steps[1:] = NUDGE * texture.radius * np.eye(k)
        heard = ask(access, texture, steps)
        return heard, fit_exact(heard.modes, heard.shown)

    def _censored(
        self, access: Access, texture: Texture, first: Heard, most: int, rng: np.random.Generator
    ) -> tuple[Heard, Linear]:
        """Return a copy by rounds of ever more telling questions."""
        length = self.contrast * texture.radius
        most = min(most, EACH * len(texture))
        heard = first
        copy: Linear | None = None
        rounds = min(self.rounds, most)
        edges = np.linspace(0, 1, rounds + 1) ** EAGER * most
        for i, n in enumerate(np.diff(edges.round().astype(int)).tolist()):
            settled = float(np.clip((i / rounds - ROBUST) / (SETTLED - ROBUST), 0, 1))
            far = length * (1 - (1 - CLOSER) * settled)
            modes = noise(n, texture.deviation, far, 1 - settled, rng)
            if copy is not None:
                most_far = min(FIRST_REACH * GROWTH ** (i - 1), LAST_REACH) * texture.radius
                modes = telling(copy, modes, most_far, settled, rng)
            if not n:
                continue
            heard = heard.beside(ask(access, texture, modes))
            last = i == rounds - 1
            copy = fit_censored(
                heard.modes,
                heard.shown,
                texture.deviation,
                ridge=A_PRIORI if heard.shown.bare else SURE,
                start=copy,
                rounds=LAST_STEPS if last else STEPS,
            )
        return heard, copy or blank(len(texture), len(access.classes))


def _confidence(copy: Linear, wanted: np.ndarray, texture: Texture, images: Floats) -> Floats:
    """Return the copy's log-odds of each wanted class for its picture."""
    z = copy.logits(texture.encode(images.reshape(len(images), -1))[:, : len(copy.weights)])
    rows = np.arange(len(wanted))
    own = z[rows, wanted]
    z[rows, wanted] = -np.inf
    return np.asarray(own - np.logaddexp.reduce(z, axis=1))
