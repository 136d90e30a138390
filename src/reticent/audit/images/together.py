"""The adversary who hears every field of an answer, and lays its pictures on one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from reticent.audit.images.pixels import even
from reticent.audit.images.plan import ALL_FIELDS
from reticent.core import Bools, Floats, NotEnoughKnowledge, ReconstructionClaim

ROUNDS = 100
LEAST, MOST = 0.05, 0.95  # of a field's loading: none is without noise, and none is heard in vain


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AllFields:
    """Average the pictures that each field gave, the more telling field counting for more.

    What fields have in common is the person: by the correlations of their pictures alone, a model
    of one common factor says how much of each field's pictures is that. No judge, no photo and no
    confidence is looked at.

    Attributes:
        fields: field -> the cells whose pictures stand for it.
    """

    name: ClassVar[str] = ALL_FIELDS
    source: ClassVar[str] = (
        "Spearman 1904, General Intelligence, Objectively Determined and Measured, "
        "https://doi.org/10.2307/1412107; scores after Bartlett 1937"
    )

    fields: Mapping[str, Sequence[str]]

    def claim(self, pictures: Mapping[str, Floats]) -> ReconstructionClaim:
        """Return one picture of each person.

        Args:
            pictures: cell -> (m, *shape) its pictures, NaN where one was not made.

        Raises: NotEnoughKnowledge for fewer than two fields.
        """
        if len(self.fields) < 2:
            raise NotEnoughKnowledge(
                f"Pictures came from {len(self.fields)} fields; two are needed to average them."
            )
        heard = {
            field: _average([pictures[cell] for cell in cells])
            for field, cells in self.fields.items()
        }
        loading = loadings(correlations(list(heard.values())))
        weights = loading / (1 - loading**2)
        images = _average(list(heard.values()), weights)
        shares = weights / weights.sum()
        return ReconstructionClaim(
            images=images,
            confidence=np.where(_made(images), float(loading.mean()), 0.0),
            notes={"share": {f: round(float(s), 3) for f, s in zip(heard, shares, strict=True)}},
        )


def correlations(heard: Sequence[Floats]) -> Floats:
    """Return (f, f) the mean correlation of two fields' pictures of the same person.

    What all people's pictures have in common is no sign of anybody, and is taken out first.

    Args:
        heard: (m, *shape) a field.
    """
    made = np.logical_and.reduce([_made(images) for images in heard])
    if not made.any():
        return np.eye(len(heard))
    rows = []
    for images in heard:
        own = even(images[made])
        apart = (own - own.mean(axis=0)).reshape(int(made.sum()), -1)
        length = np.linalg.norm(apart, axis=1, keepdims=True)
        rows.append(apart / np.maximum(length, 1e-9))
    return np.array([[float((a * b).sum(axis=1).mean()) for b in rows] for a in rows])


def loadings(r: Floats) -> Floats:
    """Return (f,) the loadings of one common factor: r[i, j] is nearly l[i] l[j].

    Two fields say nothing about which of them is the better; both get the same.

    >>> l = np.array([0.9, 0.5, 0.3])
    >>> bool(np.allclose(loadings(np.outer(l, l)), l, atol=1e-3))
    True
    """
    f = len(r)
    if f < 3:
        return np.full(f, 0.5)
    off = r - np.diag(np.diag(r))
    found = np.full(f, np.sqrt(np.clip(off.sum() / (f * (f - 1)), LEAST**2, MOST**2)))
    for _ in range(ROUNDS):  # one loading at a time, least squares
        for i in range(f):
            others = (found**2).sum() - found[i] ** 2
            found[i] = np.clip(float(off[i] @ found) / max(float(others), 1e-9), LEAST, MOST)
    return found


def _average(pictures: Sequence[Floats], weights: Floats | None = None) -> Floats:
    """Return (m, *shape) the weighted mean of pictures of even light, in their usual light.

    A picture that was not made is left out; where none was, it is NaN.
    """
    stack = np.stack(pictures)
    share = np.ones(len(stack)) if weights is None else weights
    made = np.stack([_made(images) for images in pictures])
    counts = (share[:, None] * made).sum(axis=0)
    flat = np.stack([even(images) for images in pictures]).reshape(*made.shape, -1)
    mixed = np.einsum("fm,fmp->mp", share[:, None] * made, flat)
    mixed = mixed / np.maximum(counts, 1e-12)[:, None]
    usual = stack[made]
    if not len(usual):
        return np.full(stack.shape[1:], np.nan)
    spread = usual.reshape(len(usual), -1).std(axis=1).mean()
    images = usual.mean() + spread * even(mixed.reshape(stack.shape[1:]))
    images = np.clip(images, 0, 1)
    images[counts == 0] = np.nan
    return np.asarray(images, dtype=np.float64)


def _made(images: Floats) -> Bools:
    return np.asarray(np.isfinite(images).reshape(len(images), -1).all(axis=1), dtype=bool)
