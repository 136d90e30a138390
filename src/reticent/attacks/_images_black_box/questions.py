"""Asking about made-up pictures, and which to make up."""

from dataclasses import dataclass

import numpy as np

from reticent.access import Access
from reticent.attacks._images_black_box.linear import Linear
from reticent.attacks._images_black_box.shown import Shown, join, read
from reticent.attacks._images_black_box.texture import Texture, fit_texture
from reticent.attacks.base import Knowledge
from reticent.core import (
    BudgetSpent,
    Candidates,
    Channel,
    Floats,
    Ints,
    NotEnoughKnowledge,
    NotExposed,
)

ANSWERED = Channel.LABEL | Channel.TOP_K | Channel.SCORES
AT_ONCE = 1000  # pictures asked about in one call
KNOWN = 0.7  # of what a settled copy knows is left out of its questions
NEAREST, FARTHEST = 0.3, 1.1  # of the way to the point where no class is ahead


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Heard:
    """Questions, as amplitudes of a texture's cosines (n, k), and their answers."""

    modes: Floats
    shown: Shown

    def __len__(self) -> int:
        return len(self.shown)

    def beside(self, other: "Heard") -> "Heard":
        """Return both, one below the other."""
        return Heard(
            modes=np.concatenate([self.modes, other.modes]),
            shown=join([self.shown, other.shown]),
        )


def wanted_classes(access: Access, candidates: Candidates, attack: str) -> Ints:
    """Return (m,) the classes whose pictures are wanted.

    Raises: NotExposed if no answer is to be had; NotEnoughKnowledge if no class is named.
    """
    if not ANSWERED & access.channels:
        raise NotExposed(
            f"{attack} works through labels or scores; this endpoint shows neither.",
            way_out="Choose an attack for what it shows.",
        )
    if candidates.y is None:
        raise NotEnoughKnowledge(
            f"{attack} makes a picture of a class and was told of none.",
            way_out="Name the classes in candidates.y.",
        )
    wanted = np.asarray(candidates.y, dtype=np.int64)
    if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(access.classes)):
        raise NotEnoughKnowledge(
            f"Classes {wanted.min()} to {wanted.max()} are wanted of a model with "
            f"{len(access.classes)}.",
            way_out="Count the classes from 0, in the order of the model's scores.",
        )
    return wanted


def public_texture(knowledge: Knowledge, attack: str, most: int) -> Texture:
    """Return what the adversary's public pictures look like.

    Raises: NotEnoughKnowledge without public pictures or their shape; BadInput.
    """
    if knowledge.images is None or knowledge.population is None:
        raise NotEnoughKnowledge(
            f"{attack} starts from public pictures and was given none, or not their shape.",
            way_out="Set aside pictures of people who are not under attack.",
        )
    x = np.asarray(knowledge.population.x, dtype=np.float64)
    return fit_texture(knowledge.images.pictures(x), knowledge.images, most)


def allowance(access: Access, queries: int, least: int, attack: str) -> int:
    """Return how many questions may be asked: the setting, or what is left of the budget.

    Raises: BudgetSpent if that is fewer than `least`.
    """
    left = access.queries_left
    most = queries if left is None else min(queries, left)
    if most < least:
        raise BudgetSpent(
            f"{attack} may ask {most} questions; fewer than {least} show nothing.",
            way_out="Raise query_budget.",
        )
    return most


def ask(access: Access, texture: Texture, modes: Floats) -> Heard:
    """Ask about the pictures that (n, k) amplitudes make, cut to the model's range."""
    parts = []
    for first in range(0, len(modes), AT_ONCE):
        x = np.clip(texture.decode(modes[first : first + AT_ONCE]), 0, 1)
        answer = access.ask(texture.space.inputs(x))
        asked = texture.encode(x)[:, : modes.shape[1]]
        parts.append(Heard(modes=asked, shown=read(answer, len(access.classes))))
    whole = parts[0]
    if len(parts) > 1:
        whole = Heard(
            modes=np.concatenate([part.modes for part in parts]),
            shown=join([part.shown for part in parts]),
        )
    return whole


def noise(
    n: int, deviation: Floats, length: float, likeness: float, rng: np.random.Generator
) -> Floats:
    """Return (n, k) amplitudes of length about `length`.

    Args:
        n: how many.
        deviation: (k,) of the texture's cosines.
        length: root mean square.
        likeness: 1 for noise that varies as pictures do, 0 for all cosines alike.
        rng: draws.
    """
    scale = deviation**likeness
    return np.asarray(
        rng.standard_normal((n, len(scale))) * (length * scale / np.linalg.norm(scale))
    )


def balanced(copy: Linear, most: float) -> Floats:
    """Return (k,) amplitudes at which the copy finds all classes alike, or nearly.

    No farther than `most` from the mean: a bad copy thinks that this point is anywhere.
    """
    w = copy.weights - copy.weights.mean(axis=1, keepdims=True)
    b = copy.bias - copy.bias.mean()
    gram, eye = w.T @ w, np.eye(len(b))
    damp = 1e-3 * max(float(np.trace(gram)) / len(b), 1e-300)
    for _ in range(100):
        point = -w @ np.linalg.solve(gram + damp * eye, b)
        if np.linalg.norm(point) <= most:
            return np.asarray(point)
        damp *= 1.5
    return np.zeros(len(w))


def telling(
    copy: Linear, q: Floats, most: float, settled: float, rng: np.random.Generator
) -> Floats:
    """Return (n, k) amplitudes: noise `q` about the way to the point where no class is ahead.

    There every answer can be any class, so each tells most. A copy that has settled knows where the
    point is; noise without the directions that it knows then leaves the answer to the others.

    Args:
        copy: what is known so far.
        q: (n, k) noise.
        most: how far from the mean the point may be.
        settled: 0 for a first guess, 1 for a copy to rely on.
        rng: draws the places on the way.
    """
    w = copy.weights - copy.weights.mean(axis=1, keepdims=True)
    u, s, _ = np.linalg.svd(w, full_matrices=False)
    u = u[:, s > 1e-9 * max(float(s[0]), 1e-300)]
    if 2 * u.shape[1] < len(w):  # else there is no other direction
        q = q - settled * KNOWN * (q @ u) @ u.T
    nearest = NEAREST + settled * (1 - NEAREST)
    way = rng.uniform(nearest, FARTHEST, size=(len(q), 1))
    return np.asarray(q + way * balanced(copy, most))
