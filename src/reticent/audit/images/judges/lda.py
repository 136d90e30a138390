"""Judge: Fisherfaces, the linear view of light and dark."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from reticent.audit.images.alter import copies_of
from reticent.audit.images.judges.base import Album, Judge
from reticent.audit.images.pixels import even, grey, resized
from reticent.core import Floats

_SHAPE = (28, 24)
_PARTS = 100
_SHRINKAGE = 0.1  # of the covariance: keeps it solvable with few photos of each person
_COPIES = 8  # altered copies of each photo: three photos span too little of a face
_MOST = 6000


@final
@dataclass(frozen=True, slots=True, eq=False)
class LdaJudge:
    """Eigenpictures, then linear discriminants (Belhumeur, Hespanha & Kriegman 1997).

    Attributes:
        model: the fitted pipeline of scikit-learn.
        shape: the size that pictures are brought to.
        k: people.
    """

    model: Any
    shape: tuple[int, int]
    k: int
    name: str = "lda"
    how: str = "eigenpictures and linear discriminants, fitted on held-out photos"

    def rank(self, images: Floats) -> Floats:
        """Return the log-probability of each person, (m, k)."""
        flat = even(resized(grey(images), self.shape)).reshape(len(images), -1)
        scores = np.atleast_2d(np.asarray(self.model.decision_function(flat), dtype=np.float64))
        if self.k == 2:  # scikit-learn gives one column for two classes
            scores = np.stack([-scores.ravel(), scores.ravel()], axis=1)
        return scores


def fit_lda(album: Album, rng: np.random.Generator) -> Judge:
    """Return a judge fitted on the album and on altered copies of it."""
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline

    height, width = album.photos.shape[1:3]
    shape = (min(height, _SHAPE[0]), min(width, _SHAPE[1]))
    copies = min(_COPIES, _MOST // len(album.photos))
    x, y = copies_of(resized(grey(album.photos), shape), album.who, copies, rng)
    flat = even(x).reshape(len(x), -1)
    parts = min(_PARTS, len(album.photos) - 1, flat.shape[1])
    model = make_pipeline(
        PCA(parts, svd_solver="full"),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=_SHRINKAGE),
    )
    model.fit(flat, y)
    return LdaJudge(model, shape, album.k)
