"""Judge: a small network, taught on held-out photos that were bent and blurred on the way."""

import warnings
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from reticent.audit.images.alter import copies_of
from reticent.audit.images.judges.base import Album, Judge
from reticent.audit.images.pixels import even, grey, resized
from reticent.core import Floats

_SHAPE = (32, 28)
_HIDDEN = 256
_SAMPLES = 4000
_MOST_COPIES = 32


@final
@dataclass(frozen=True, slots=True, eq=False)
class NetworkJudge:
    """A multilayer perceptron on pictures of even light.

    Attributes:
        model: the fitted classifier of scikit-learn.
        shape: the size that pictures are brought to.
    """

    model: Any
    shape: tuple[int, int]
    name: str = "network"
    how: str = "a network trained on held-out photos, shifted, blurred and relit"

    def rank(self, images: Floats) -> Floats:
        """Return the log-probability of each person, (m, k)."""
        flat = _features(images, self.shape)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.model.predict_proba(flat)), dtype=np.float64)


def fit_network(album: Album, rng: np.random.Generator) -> Judge:
    """Return a judge trained on altered copies of the album."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    height, width = album.photos.shape[1:3]
    shape = (min(height, _SHAPE[0]), min(width, _SHAPE[1]))
    small = resized(grey(album.photos), shape)
    copies = int(np.clip(_SAMPLES // max(len(small), 1), 1, _MOST_COPIES))
    x, y = copies_of(small, album.who, copies, rng)
    model = MLPClassifier(
        (_HIDDEN,),
        alpha=1e-3,
        batch_size=64,
        learning_rate_init=2e-3,
        max_iter=12,
        tol=0.0,
        n_iter_no_change=12,
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of rounds is the plan
        model.fit(_features(x, shape), y)
    return NetworkJudge(model, shape)


def _features(images: Floats, shape: tuple[int, int]) -> Floats:
    return even(resized(grey(images), shape)).reshape(len(images), -1)
