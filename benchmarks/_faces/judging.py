"""Who is in a picture? The product's judges, which saw the held-out photos and never an attack."""

from dataclasses import dataclass

import numpy as np

from reticent.audit.images.judges.base import Album
from reticent.audit.images.judges.dlib import fit_dlib
from reticent.audit.images.judges.lda import fit_lda
from reticent.audit.images.judges.network import fit_network

from .data import Photos


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Verdict:
    """Whom each judge picks, for n pictures: whether it is the right person."""

    network: np.ndarray
    lda: np.ndarray
    dlib1: np.ndarray
    dlib5: np.ndarray

    @property
    def two(self) -> np.ndarray:
        """Return where two of the three pick the right person."""
        votes: np.ndarray = self.network.astype(int) + self.lda + self.dlib1
        return votes >= 2

    def figures(self) -> dict[str, float]:
        """Return the shares."""
        return {
            "2of3": float(self.two.mean()),
            "dlib1": float(self.dlib1.mean()),
            "dlib5": float(self.dlib5.mean()),
            "lda": float(self.lda.mean()),
            "network": float(self.network.mean()),
        }

    def __str__(self) -> str:
        return "  ".join(f"{name} {share:.3f}" for name, share in self.figures().items())


class Judges:
    """A network, LDA and dlib's face network over one set of people."""

    def __init__(self, held: Photos, seed: int) -> None:
        album = Album(photos=held.x, who=held.y.astype(np.int64), k=int(held.y.max()) + 1)
        self.network = fit_network(album, np.random.default_rng([3, seed]))
        self.lda = fit_lda(album, np.random.default_rng([3, seed]))
        self.dlib = fit_dlib(album, np.random.default_rng([3, seed]))

    def judge(self, pictures: np.ndarray, who: np.ndarray) -> Verdict:
        """Judge n pictures (n, 112, 92) in [0, 1] of the people `who`."""
        x = np.clip(pictures, 0, 1)
        near = self.dlib.rank(x)
        own = near[np.arange(len(who)), who][:, None]
        rank = (near >= own).sum(axis=1) - 1  # on a tie the judge does not know
        return Verdict(
            network=self.network.rank(x).argmax(axis=1) == who,
            lda=self.lda.rank(x).argmax(axis=1) == who,
            dlib1=rank < 1,
            dlib5=rank < 5,
        )


def mean_figures(found: list[Verdict]) -> dict[str, float]:
    """Return the means over seeds."""
    each = [verdict.figures() for verdict in found]
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}
