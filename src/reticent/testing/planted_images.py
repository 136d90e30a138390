"""Audits whose right answer is known: what a class looks like."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reticent.access import QUERIED
from reticent.attacks.base import Knowledge
from reticent.audit.truth import Truth
from reticent.core import Answer, Candidates, Channel, Floats, ImageSpace, Population
from reticent.policy import Policy
from reticent.targets.sklearn import SklearnTarget
from reticent.testing.planted import Planted, door

SIDE = 12  # pixels
SPACE = ImageSpace(shape=(SIDE, SIDE), flat=True)
PROTOTYPES = 10
_CONTRAST, _NOISE = 0.18, 0.06
_EACH, _PUBLIC = 8, 60


def plant_images(
    *,
    leak: bool,
    seed: int,
    policy: Policy | None = None,
    n: int = 60,
    classes: int = PROTOTYPES,
) -> Planted:
    """Plant a softmax regression on small smooth pictures, one prototype a class.

    The adversary owns pictures of other prototypes. Without a leak the model was trained on
    pictures whose labels were drawn by coins: it still answers with confidence, and its classes
    look like nothing.

    Args:
        leak: labels are true, or drawn.
        seed: of everything that is drawn.
        policy: what the endpoint does to its answers; nothing if None.
        n: wanted pictures; the classes take turns.
        classes: people, and prototypes in the line-up.

    Returns: the audit; the prototypes are `truth.answer.embeddings`, (classes, pixels), and the
        wanted class of each candidate is `truth.y`. `known` has chance, 1 / classes.
    """
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    prototypes = _smooth(rng, classes)
    own = np.repeat(np.arange(classes), _EACH)
    x = _photos(rng, prototypes[own])
    y = own if leak else rng.permutation(own)
    model = LogisticRegression(tol=1e-2, max_iter=1000).fit(x, y)
    strangers = _photos(rng, _smooth(rng, _PUBLIC))
    wanted = np.arange(n) % classes
    return Planted(
        access=door(
            SklearnTarget(model, name="planted pictures"),
            policy or Policy(),
            exposed=QUERIED | Channel.WEIGHTS,
        ),
        candidates=Candidates(x=np.empty((n, 0)), y=wanted),
        knowledge=Knowledge(
            population=Population(x=strangers, y=np.full(_PUBLIC, -1)), images=SPACE
        ),
        truth=Truth(
            is_member=np.ones(n, dtype=bool), y=wanted, answer=Answer(embeddings=prototypes)
        ),
        known={"chance": 1 / classes},
    )


def plant_template(*, leak: bool, seed: int, n: int = 60) -> Planted:
    """Plant an embedding network and the templates of people: linear, then squashed.

    Without a leak each template is that of somebody else, drawn anew.

    Returns: the audit; the templates are `candidates.observed.embeddings`, and the pictures that
        they were made of `truth.answer.embeddings`, each its own candidate's.
    """
    rng = np.random.default_rng(seed)
    people = np.arange(n)
    prototypes = _smooth(rng, n)
    seen = _photos(rng, prototypes) if leak else _photos(rng, _smooth(rng, n))
    target = _embedder(rng)
    strangers = _photos(rng, _smooth(rng, _PUBLIC))
    return Planted(
        access=door(target, Policy(), exposed=QUERIED | Channel.WEIGHTS),
        candidates=Candidates(x=np.empty((n, 0)), y=people, observed=target.answer(seen)),
        knowledge=Knowledge(
            population=Population(x=strangers, y=np.full(_PUBLIC, -1)), images=SPACE
        ),
        truth=Truth(
            is_member=np.ones(n, dtype=bool), y=people, answer=Answer(embeddings=prototypes)
        ),
        known={"chance": 1 / n},
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Embedder:
    """A perceptron of one hidden layer that answers with a vector.

    Attributes:
        coefs_: its weights, named as scikit-learn's perceptrons name them, which attacks can read.
        intercepts_: likewise.
        activation: likewise.
    """

    coefs_: tuple[Floats, ...]
    intercepts_: tuple[Floats, ...]
    activation: str = "tanh"
    name: str = "planted embedder"
    classes: tuple[object, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def channels(self) -> Channel:
        """Return what it offers."""
        return Channel.EMBEDDING | Channel.WEIGHTS

    def answer(self, x: Any) -> Answer:
        """Return a vector a picture."""
        hidden = np.tanh(np.asarray(x) @ self.coefs_[0] + self.intercepts_[0])
        return Answer(embeddings=hidden @ self.coefs_[1] + self.intercepts_[1])

    def weights(self) -> object:
        """Return itself."""
        return self


def _embedder(rng: np.random.Generator) -> Embedder:
    size, hidden, out = SIDE * SIDE, 64, 48
    return Embedder(
        coefs_=(
            rng.standard_normal((size, hidden)) / np.sqrt(size) * 4,
            rng.standard_normal((hidden, out)) / np.sqrt(hidden),
        ),
        intercepts_=(np.zeros(hidden), np.zeros(out)),
    )


def _smooth(rng: np.random.Generator, n: int) -> Floats:
    """Return (n, pixels) smooth patterns around grey."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal((n, SIDE, SIDE)), (0, 1.5, 1.5))
    noise /= noise.std(axis=(1, 2), keepdims=True)
    return np.asarray(np.clip(0.5 + _CONTRAST * noise, 0, 1).reshape(n, -1))


def _photos(rng: np.random.Generator, prototypes: Floats) -> Floats:
    return np.asarray(np.clip(prototypes + _NOISE * rng.standard_normal(prototypes.shape), 0, 1))
