"""Pictures from what an endpoint says beside its answers: explanations and inner layers."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from reticent.access import Access
from reticent.attacks._images_black_box.linear import Linear
from reticent.attacks._images_black_box.pictures import pictures_of
from reticent.attacks._images_black_box.questions import allowance, public_texture
from reticent.attacks._images_black_box.texture import Texture
from reticent.attacks._settings import above_zero, at_least_one
from reticent.attacks.base import Knowledge
from reticent.core import (
    Answer,
    Candidates,
    Channel,
    Family,
    Floats,
    Ints,
    NotEnoughKnowledge,
    NotExposed,
    ReconstructionClaim,
)

LEAST = 8  # questions
MOST_CONTRAST = 3.0  # of a draw, in public pictures': far from the mean more classes answer
RIDGE = 1e-4  # of the inner layer's mean variance
Kind = Literal["saliency", "attribution", "prototype"]
KINDS: tuple[Kind, ...] = ("saliency", "attribution", "prototype")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedPictures:
    """Ask about draws from the public texture and listen to what is said beside the answer.

    An inner layer's output that was seen of the victim's own picture (`Candidates.observed`) is
    turned back by a ridge regression learnt from the draws. Otherwise explanations are averaged
    over the draws that got the class's name: prototypes are pictures already, saliencies are the
    class's template, attributions are divided by what was asked first.

    Differs from the papers: linear throughout, trained on draws from the public mean and spectrum.

    Attributes:
        kind: what the endpoint's documentation calls its explanations.
        queries: most questions; fewer where the query budget ends.
        modes: cosines that a picture is described by.
        reach: how far from the mean a claimed picture is, in usual distances.
    """

    name: ClassVar[str] = "explained-pictures"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = Channel.EXPLANATION | Channel.INTERMEDIATE
    wants: ClassVar[frozenset[str]] = frozenset({"population", "images"})
    cost: ClassVar[str] = "1,000 queries in all; at most one linear regression"
    source: ClassVar[str] = (
        "Zhao et al. 2021, Exploiting Explanations for Model Inversion Attacks, "
        "https://arxiv.org/abs/2104.12669; Shokri et al. 2021, On the Privacy Risks of Model "
        "Explanations, https://arxiv.org/abs/1907.00164"
    )

    kind: Kind = "saliency"
    queries: int = 1000
    modes: int = 2000
    reach: float = 0.8

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; it must be one of {list(KINDS)}.")
        at_least_one(queries=self.queries, modes=self.modes)
        above_zero(reach=self.reach)

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return a picture of every candidate.

        Raises: NotExposed, BudgetSpent (for fewer than 8 questions), NotEnoughKnowledge, BadInput.
        """
        if not self.accepts & access.channels:
            raise NotExposed(
                f"{self.name} works through explanations or inner layers, and none is shown.",
                way_out="Choose an attack for what it shows.",
            )
        texture = public_texture(knowledge, self.name, self.modes)
        most = allowance(access, self.queries, LEAST, self.name)
        seen = candidates.observed.intermediate if candidates.observed is not None else None
        if seen is None and candidates.y is None:
            raise NotEnoughKnowledge(
                f"{self.name} was told of no class and saw no inner layer of the victims'.",
                way_out="Name the classes in candidates.y, or give candidates.observed.",
            )
        contrast = rng.uniform(1, MOST_CONTRAST, size=(most, 1))
        asked = np.clip(texture.decode(contrast * texture.draw(most, rng)), 0, 1)
        heard = access.ask(texture.space.inputs(asked))
        notes = {"queries": most, "complete": most >= self.queries}
        if seen is not None and heard.intermediate is not None:
            images, sure = _turned_back(heard.intermediate, asked, seen, texture)
            used = "inner layer"
        elif (
            heard.explanation is not None and heard.labels is not None and candidates.y is not None
        ):
            wanted = np.asarray(candidates.y, dtype=np.int64)
            images, sure = self._explained(heard, asked, wanted, texture)
            used = self.kind
        else:
            raise NotExposed(
                f"{access.target.name} shows neither explanations beside labels nor an inner layer "
                "that was also seen of the victims.",
                way_out="Open EXPLANATION and LABEL, or give candidates.observed.",
            )
        return ReconstructionClaim(images=images, confidence=sure, notes={**notes, "used": used})

    def _explained(
        self, heard: Answer, asked: Floats, wanted: Ints, texture: Texture
    ) -> tuple[Floats, Floats]:
        """Return (m, *shape) pictures and (m,) how many explanations each rests on."""
        labels, told = np.asarray(heard.labels), np.asarray(heard.explanation)
        classes = int(max(labels.max(), wanted.max())) + 1
        mine = (labels[:, None] == np.arange(classes)).astype(np.float64)
        count = mine.sum(axis=0)
        if self.kind == "attribution":  # least squares of told = slope * away, by pixel
            away = texture.space.from_unit(asked) - texture.space.from_unit(texture.mean)
            weight = mine.T @ away**2
            found = (mine.T @ (told * away)) / np.maximum(weight, 1e-12)
        else:
            found = (mine.T @ told) / np.maximum(count, 1)[:, None]
        if self.kind == "prototype":
            shown = np.where(count[:, None] > 0, texture.space.to_unit(found), texture.mean)
            images = np.clip(shown[wanted], 0, 1).reshape(len(wanted), *texture.space.shape)
            return images, count[wanted]
        answered = count > 0
        found[~answered] = found[answered].mean(axis=0)  # the average template: no picture
        template = Linear(weights=texture.pull(found).T, bias=np.zeros(classes))
        images, _ = pictures_of(template, wanted, texture, reach=self.reach)
        return images, count[wanted]


def _turned_back(
    inner: Floats, asked: Floats, seen: Floats, texture: Texture
) -> tuple[Floats, Floats]:
    """Return (m, *shape) pictures whose inner layer would be as seen, and (m,) how alike it is."""
    middle = inner.mean(axis=0)
    f, m = inner - middle, asked - asked.mean(axis=0)
    gram = f @ f.T  # in the draws' own space: there are fewer of them than inner units
    gram += RIDGE * max(float(np.trace(gram)) / len(gram), 1e-12) * np.eye(len(gram))
    mix = np.linalg.solve(gram, f @ (seen - middle).T).T
    images = np.clip(asked.mean(axis=0) + mix @ m, 0, 1)
    miss = np.linalg.norm(mix @ f - (seen - middle), axis=1)
    return images.reshape(len(seen), *texture.space.shape), -miss
