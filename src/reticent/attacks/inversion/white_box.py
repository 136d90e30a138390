"""Image inversion: the picture that a class stands for, out of the model's own gradients."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._images.climb import End, View, climb
from reticent.attacks._images.differentiate import gradient_of
from reticent.attacks._images.exemplars import redrawn
from reticent.attacks._images.generative import GENERATORS, GeneratorName, generated, learned
from reticent.attacks._images.gradient import Gradient, Rows
from reticent.attacks._images.layers import DenseGradient
from reticent.attacks._images.looks import confidence, looks, starts
from reticent.attacks._images.losses import LOSSES, LossName
from reticent.attacks._images.priors import (
    Prior,
    Public,
    as_pictures,
    broader,
    combined,
    leaning,
    public,
    set_apart,
    smooth,
    subspace,
    total_variation,
)
from reticent.attacks._images.readings import Layered, readable, readings, turned
from reticent.attacks._images.spectrum import shaped
from reticent.attacks.base import Knowledge
from reticent.core import (
    Candidates,
    Channel,
    Family,
    ImageSpace,
    Ints,
    NotEnoughKnowledge,
    ReconstructionClaim,
)

BROAD = 8.0  # pixels, on pictures of 100
TIED = 1e-4  # of a cosine, a restart: sums over a picture's pixels in float32 are no finer
#: natural, spectrum, layers and pieces for networks that keep the plane: measured on faces
PLANES = (0.5, 0.5, 5, 0.4)
_LOOKS = 8  # views that confidence is measured over


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInversion:
    """A few steps of one length from the mean of public pictures, for all classes at once.

    The gradient is averaged over views: public pictures' differences to their mean are added and
    the picture is moved a little, so that what all views agree on is left (Smilkov et al. 2017)
    and what fools the model at one point alone cancels. A linear model has one gradient
    everywhere, and needs one view. The way is as long as public pictures are from their mean; a
    step that leads back ends it. Confidence decides nothing.

    With several restarts the one that the others agree with most is claimed.

    Attributes:
        loss: "logit" (over the mean of the others), "margin", "cross-entropy" or "poincare".
        steps: at most, from each start.
        restarts: starting points; the first is the public mean, the others are blurred public
            pictures (noise around the mean where there are none).
        views: of a model with curves in it; ignored for linear models and perceptrons.
        blur: pixels that directions are blurred by at first, on pictures of 100; None for 0 if the
            model is linear or a perceptron, 1 if layers are read, which see the broad shapes,
            else 2.
        natural: share of directions that comes from their part in public pictures, beside the
            blur (then of one width throughout); 0 for none. None, here and below, for what is
            best: see `PLANES` for networks with layers that keep the picture's plane, where there
            are public pictures to learn from, 0 for other models.
        generator: "pca", "ica" or "vae": what public pictures teach of pictures; "none".
        generated: share of directions that is the pull towards what the generator can draw.
        total_variation: weight of the pull towards even areas; 0 for none.
        broad: share of a broad blur (8 pixels on pictures of 100) added to directions; 0 for none.
        contrast: power of what the wanted classes have in common, see `set_apart`; 0 for none.
        parts: principal components of public pictures that directions are kept to; 0 for all.
        spectrum: power to which public pictures' coarse and fine shapes are imposed on what was
            drawn, see `shaped`; 0 for none, 1 to match them, None for the best.
        layers: of a network's last layers that keep the picture's plane, how many are read as
            pictures, see `readings`; 0 for none, None for the best.
        read: share of each of them beside the pixels' 1.
        pieces: share of what is drawn that is drawn again from pieces of public pictures, see
            `redrawn`; 0 for none, None for the best.
        reach: root mean square way from the start, in [0, 1]; None for as far as public pictures
            are from their mean.
    """

    name: ClassVar[str] = "image-inversion"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = Channel.WEIGHTS
    wants: ClassVar[frozenset[str]] = frozenset({"images"})
    cost: ClassVar[str] = "no queries; steps x restarts x views gradients of all classes"
    source: ClassVar[str] = (
        "Fredrikson et al. 2015, Model Inversion Attacks that Exploit Confidence Information, "
        "https://doi.org/10.1145/2810103.2813677; views: Smilkov et al. 2017, "
        "https://arxiv.org/abs/1706.03825; patterns: Haufe et al. 2014"
    )

    loss: LossName = "logit"
    steps: int = 4
    restarts: int = 1
    views: int = 60
    blur: float | None = None
    natural: float | None = None
    generator: GeneratorName = "none"
    generated: float = 0.5
    total_variation: float = 0.0
    broad: float = 0.0
    contrast: float = 0.0
    parts: int = 0
    spectrum: float | None = None
    layers: int | None = None
    read: float = 0.25
    pieces: float | None = None
    reach: float | None = None

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}; it must be one of {', '.join(LOSSES)}.")
        if min(self.steps, self.restarts, self.views) < 1:
            raise ValueError(
                f"steps is {self.steps}, restarts {self.restarts} and views {self.views}; all "
                "must be at least 1."
            )
        if self.generator not in GENERATORS:
            raise ValueError(
                f"generator is {self.generator!r}; it must be one of {', '.join(GENERATORS)}."
            )
        shares = (self.natural or 0.0, self.generated, self.pieces or 0.0)
        if not (min(shares) >= 0 and max(shares) <= 1):
            raise ValueError(
                f"natural is {self.natural}, generated {self.generated} and pieces {self.pieces}; "
                "all must be from 0 to 1."
            )
        lengths = (self.blur, self.reach, self.spectrum, self.layers, self.parts, self.read)
        if min(self.total_variation, self.broad, *(one or 0.0 for one in lengths)) < 0:
            raise ValueError(
                "total_variation, broad, parts, spectrum, layers, read, blur and reach must not "
                "be negative."
            )

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return one picture a candidate.

        Raises: NotExposed, NotEnoughKnowledge, BadInput (a model without any gradient).
        """
        space, y = wanted_classes(candidates, knowledge, attack=self.name)
        known = public(knowledge.population, space)
        model = gradient_of(access.weights(), space, rng)
        return self._fitting(model, known)._drawn(model, known, space, y, rng)

    def _fitting(self, model: Gradient, known: Public) -> "ImageInversion":
        """Return the attack with what was left open settled for this model."""
        planes = isinstance(model, Layered) and readable(model, known)
        natural, spectrum, layers, pieces = PLANES if planes else (0.0, 0.0, 0, 0.0)
        return replace(
            self,
            natural=natural if self.natural is None else self.natural,
            spectrum=spectrum if self.spectrum is None else self.spectrum,
            layers=layers if self.layers is None else self.layers,
            pieces=pieces if self.pieces is None else self.pieces,
        )

    def _drawn(
        self, model: Gradient, known: Public, space: ImageSpace, y: Ints, rng: np.random.Generator
    ) -> ReconstructionClaim:
        # Several candidates can want one class: it is drawn once.
        classes, place = np.unique(y, return_inverse=True)
        loss = LOSSES[self.loss]
        views = looks(known, space, 1 if _smooth(model) else self.views, rng)
        reach = self.reach if self.reach is not None else known.spread
        prior = self._prior(model, known, space, reach, rng)
        ends = [
            climb(
                model,
                loss,
                prior,
                np.repeat(start[None], len(classes), axis=0),
                classes,
                views,
                space,
                steps=1 if straight(model) and self.loss == "logit" else self.steps,
                reach=reach,
            )
            for start in starts(known, space, self.restarts, rng)
        ]
        steps = sum(int(end.steps.sum()) for end in ends)
        rows = most_agreed([end.rows for end in ends])
        read: list[str] = []
        if self.layers and isinstance(model, Layered):
            read = readable(model, known)[-self.layers :]
            found = readings(model, read, loss, rows, classes, views, known, space) if read else []
            rows = turned(rows, known.mean, found, self.read) if found else rows
            steps += len(classes) if read else 0
        rows = shaped(rows, known, space, self.spectrum or 0.0)
        rows = redrawn(rows, known, space, self.pieces or 0.0)
        return ReconstructionClaim(
            images=as_pictures(rows, space)[place],
            confidence=confidence(model, rows, classes, views[:_LOOKS], space)[place],
            steps=steps * len(views),
            notes={**self._notes(model, known, views, reach, ends), "layers_read": read},
        )

    def _prior(
        self,
        model: Gradient,
        known: Public,
        space: ImageSpace,
        reach: float,
        rng: np.random.Generator,
    ) -> Prior:
        per_pixel = max(space.shape[:2]) / 100
        usual = 0.0 if _smooth(model) else 1.0 if self.layers else 2.0
        blur = self.blur if self.blur is not None else usual
        pieces: list[Prior] = []
        if self.parts:
            pieces.append(subspace(known, self.parts))
        if self.natural:
            pieces.append(leaning(known, space, self.natural, blur * per_pixel))
        elif blur:
            pieces.append(smooth(space, blur * per_pixel, blur * per_pixel / 2))
        if self.broad:
            pieces.append(broader(space, self.broad, BROAD * per_pixel))
        if self.contrast:
            pieces.append(set_apart(self.contrast))
        if self.generator != "none":
            of_public = learned(self.generator, known, space, rng)
            pieces.append(generated(of_public, self.generated, reach))
        if self.total_variation:
            pieces.append(total_variation(space, self.total_variation))
        return combined(pieces)

    def _notes(
        self, model: Gradient, known: Public, views: list[View], reach: float, ends: list[End]
    ) -> dict[str, object]:
        return {
            "gradient": model.how,
            "public_pictures": len(known.rows),
            "views": len(views),
            "reach": round(reach, 4),
            "turned_back": sum(int(end.turned.sum()) for end in ends),
            "steps_without_gradient": sum(int(end.blind.sum()) for end in ends),
        }


def wanted_classes(
    candidates: Candidates, knowledge: Knowledge, *, attack: str
) -> tuple[ImageSpace, Ints]:
    """Return what pictures look like and the wanted class of each candidate.

    Raises: NotEnoughKnowledge if either is not known.
    """
    if knowledge.images is None:
        raise NotEnoughKnowledge(
            f"{attack} draws pictures and does not know what the model's look like.",
            way_out="Give their shape and range.",
        )
    if candidates.y is None:
        raise NotEnoughKnowledge(
            f"{attack} draws the picture of a class and was not told which classes are wanted.",
            way_out="Give the wanted classes as y.",
        )
    return knowledge.images, np.asarray(candidates.y, dtype=np.int64)


def most_agreed(found: list[Rows]) -> Rows:
    """Return, for each picture, the restart that all restarts agree with most: (m, size).

    The first of those that are agreed with alike: two restarts agree with each other equally, and
    what rounding makes of that must not choose.
    """
    if len(found) == 1:
        return found[0]
    all_ = np.stack(found)  # (r, m, size)
    even = all_ - all_.mean(axis=2, keepdims=True)
    even /= np.maximum(np.linalg.norm(even, axis=2, keepdims=True), 1e-9)
    agreed = np.einsum("rmd,md->rm", even, even.sum(axis=0))
    first = (agreed >= agreed.max(axis=0) - TIED * len(found)).argmax(axis=0)
    return np.asarray(all_[first, np.arange(all_.shape[1])])


def straight(model: Gradient) -> bool:
    """Return whether the gradient is the same everywhere, so that one step says it all."""
    return isinstance(model, DenseGradient) and not model.curved


def _smooth(model: Gradient) -> bool:
    """Return whether gradients at one point speak for all: one or two dense layers."""
    return isinstance(model, DenseGradient)
