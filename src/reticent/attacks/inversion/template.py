"""Template inversion: the face behind a stored vector, with the embedding network in hand."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._images.differentiate import gradient_of
from reticent.attacks._images.gradient import Gradient, Rows
from reticent.attacks._images.priors import (
    Public,
    as_pictures,
    blurred,
    moved,
    public,
    unit_rms,
)
from reticent.attacks._images.spectrum import shaped
from reticent.attacks._settings import at_least_one
from reticent.attacks.base import Knowledge
from reticent.core import (
    Candidates,
    Channel,
    Family,
    Floats,
    ImageSpace,
    NotEnoughKnowledge,
    ReconstructionClaim,
)

RIDGE = 0.1  # of the decoder's kernel: cosines of faces of one network are far from 0 and 1
_DECAY = 0.7  # of the walk's memory


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateInversion:
    """Down the angle to the template, from what public pictures make of it.

    A ridge regression learns pictures from the vectors of public ones: that alone needs nothing
    but the endpoint. With the network in hand its answer is the start of a walk in blurred pixels,
    steps of one length with memory; each look is through a small random move, every second one in
    a mirror, so that no single pixel carries the likeness. The picture never gets farther from the
    public mean than `held`, and what comes out is given the public pictures' spectrum.

    Attributes:
        steps: of the walk.
        blur: pixels that directions are blurred by at first, on pictures of 100; a third at last.
        moves: pixels that a look is moved by at most, on pictures of 100.
        stride: length of a step at first, root mean square, in [0, 1]; a quarter at last.
        mirrored: whether a picture in a mirror is of the same; None to see what the network makes
            of public pictures in a mirror.
        held: how far from the public mean a picture gets, in public pictures'; 0 for no bound.
        spectrum: power to which the public spectrum is imposed at last; see `shaped`.
    """

    name: ClassVar[str] = "template-inversion"
    family: ClassVar[Family] = Family.RECONSTRUCTION
    accepts: ClassVar[Channel] = Channel.WEIGHTS | Channel.EMBEDDING
    wants: ClassVar[frozenset[str]] = frozenset({"images", "population"})
    cost: ClassVar[str] = "a query a public picture; with the weights steps gradients a template"
    source: ClassVar[str] = (
        "Mai et al. 2019, On the Reconstruction of Face Images from Deep Face Templates, "
        "https://arxiv.org/abs/1703.00832; in pixels after Fredrikson et al. 2015"
    )

    steps: int = 30
    blur: float = 2.0
    moves: int = 2
    stride: float = 0.012
    mirrored: bool | None = None
    held: float = 0.8
    spectrum: float = 1.0

    def __post_init__(self) -> None:
        at_least_one(steps=self.steps)
        if min(self.blur, self.moves, self.stride, self.held, self.spectrum) < 0:
            raise ValueError("blur, moves, stride, held and spectrum must not be negative.")

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ReconstructionClaim:
        """Return one picture a template.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge, BadInput.
        """
        space, observed = knowledge.images, candidates.observed
        if space is None or observed is None or observed.embeddings is None:
            raise NotEnoughKnowledge(
                f"{self.name} takes the stored vectors and the pictures' shape.",
                way_out="Give the templates as observed answers, and the image space.",
            )
        known = public(knowledge.population, space)
        if len(known.rows) < 3:
            raise NotEnoughKnowledge(
                f"{self.name} learns from public pictures and has {len(known.rows)}.",
                way_out="Give the adversary pictures of other people.",
            )
        wanted = _unit(observed.embeddings)
        if not Channel.WEIGHTS & access.channels:
            vectors = access.embeddings(space.inputs(known.rows.astype(np.float64)))
            rows = decoded(known, _unit(vectors), wanted)
            return ReconstructionClaim(
                images=as_pictures(rows, space),
                confidence=(wanted @ _unit(vectors).T).max(axis=1),
                notes={"how": "decoder alone", "public_pictures": len(known.rows)},
            )
        model = gradient_of(access.weights(), space, rng)
        vectors = _unit(_answers(model, known.rows))
        turned = _unit(_answers(model, mirror(known.rows, space)))
        same = alike(vectors, turned) if self.mirrored is None else self.mirrored
        learnt = known
        if same:
            learnt = replace(known, rows=np.concatenate([known.rows, mirror(known.rows, space)]))
            vectors = np.concatenate([vectors, turned])
        start = decoded(learnt, vectors, wanted)
        rows = self._walk(model, start, wanted, known, space, rng, mirrored=same)
        rows = shaped(rows, known, space, self.spectrum)
        found = _unit(model.forward(rows)[0])
        return ReconstructionClaim(
            images=as_pictures(rows, space),
            confidence=np.einsum("ij,ij->i", found, wanted),
            steps=self.steps * len(wanted),
            notes={
                "how": model.how,
                "public_pictures": len(known.rows),
                "mirrored": bool(same),
            },
        )

    def _walk(
        self,
        model: Gradient,
        start: Rows,
        wanted: Floats,
        known: Public,
        space: ImageSpace,
        rng: np.random.Generator,
        *,
        mirrored: bool,
    ) -> Rows:
        scale = max(space.shape[:2]) / 100
        most = round(self.moves * scale)
        rows, way = self._kept(start, known), np.zeros_like(start)
        for step in range(self.steps):
            done = step / max(self.steps - 1, 1)
            by = rng.integers(-most, most + 1, size=2)
            turned = mirrored and step % 2 == 1
            seen = moved(rows, space, by)
            vectors, backward = model.forward(mirror(seen, space) if turned else seen)
            length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
            told = vectors / length
            near = np.einsum("ij,ij->i", told, wanted)[:, None]
            up = backward((wanted - near * told) / length)
            up = moved(mirror(up, space) if turned else up, space, -by)
            ahead = unit_rms(blurred(up, space, self.blur * scale * (1 - done * 2 / 3)))
            way = _DECAY * way + (1 - _DECAY) * ahead
            stride = np.float32(self.stride * (1 - 0.75 * done))
            rows = self._kept(rows + stride * unit_rms(way), known)
        return rows

    def _kept(self, rows: Rows, known: Public) -> Rows:
        """Return pictures in range, no farther from the public mean than `held`."""
        away = rows - known.mean
        far = np.sqrt(np.einsum("ij,ij->i", away, away) / away.shape[1])[:, None]
        if self.held:
            away = away * np.minimum(1, self.held * known.spread / np.maximum(far, 1e-9))
        return np.clip(known.mean + away, 0, 1).astype(np.float32)


def alike(vectors: Floats, turned: Floats) -> bool:
    """Return whether pictures in a mirror are nearer to themselves than to being others.

    Args:
        vectors: (n, d) of pictures, of length 1.
        turned: (n, d) of the same in a mirror, of length 1.
    """
    own = float(np.einsum("ij,ij->i", vectors, turned).mean())
    others = float((vectors @ vectors.T).mean())
    return own > (1 + others) / 2


def mirror(rows: Rows, space: ImageSpace) -> Rows:
    """Return pictures with left and right changed over."""
    x = rows.reshape(len(rows), *space.shape)
    return np.ascontiguousarray(x[:, :, ::-1]).reshape(rows.shape)


def decoded(known: Public, vectors: Floats, wanted: Floats) -> Rows:
    """Return (m, size) pictures for vectors, by kernel ridge regression on public pictures.

    Args:
        known: the public pictures.
        vectors: (n, d) theirs, of length 1.
        wanted: (m, d) of length 1.
    """
    centre = vectors.mean(axis=0)
    a, b = vectors - centre, wanted - centre
    weights = np.linalg.solve(a @ a.T + RIDGE * np.eye(len(a)), a @ b.T).T
    rows = known.mean + weights @ (known.rows - known.mean)
    return np.asarray(np.clip(rows, 0, 1), dtype=np.float32)


def _answers(model: Gradient, rows: Rows) -> Floats:
    parts = [model.forward(rows[i : i + 64])[0] for i in range(0, len(rows), 64)]
    return np.concatenate(parts)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
