"""Generators that were learned from public pictures alone, and the pull towards what they draw."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from reticent.attacks._images.gradient import Rows
from reticent.attacks._images.priors import Prior, Public, principal, unit_rms
from reticent.core import Floats, ImageSpace, NotEnoughKnowledge

GeneratorName = Literal["none", "pca", "ica", "vae"]
GENERATORS: tuple[GeneratorName, ...] = ("none", "pca", "ica", "vae")

LEAST = 8  # public pictures
NOISE = 0.5  # of the public spread: what is to be taken for noise in a picture in the making
THRESHOLD = 0.35  # sqrt(2) x a noise variance of a quarter, in an independent part's deviation
AN_AXIS = 3  # pictures: with fewer to each independent part, the parts become single pictures
ROUNDS = 300


class Generator(Protocol):
    """What a picture may look like, as learned from other people's pictures.

    Attributes:
        name: of its kind.
    """

    @property
    def name(self) -> str:
        """Return its kind."""
        ...

    def likely(self, rows: Rows) -> Rows:
        """Return, for each of (m, size) rows, the likeliest picture behind it: (m, size)."""
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PrincipalParts:
    """A Gaussian along the principal components of public pictures.

    Attributes:
        mean: (size,).
        basis: (p, size) orthonormal.
        keeps: (p,) share of what is found along a component that is believed: variance over
            variance and noise (Wiener's filter).
    """

    mean: Rows
    basis: Rows
    keeps: Rows
    name: str = "pca"

    def likely(self, rows: Rows) -> Rows:
        """Return the mean of what a picture can be, given that it was seen as `rows` in noise."""
        code = (rows - self.mean) @ self.basis.T
        return np.asarray(self.mean + (code * self.keeps) @ self.basis, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class IndependentParts:
    """Independent components with long tails: a face has few of them, and has those strongly.

    Attributes:
        mean: (size,).
        unmix: (size, p) pictures -> parts of variance 1.
        mix: (p, size) the way back.
    """

    mean: Rows
    unmix: Rows
    mix: Rows
    name: str = "ica"

    def likely(self, rows: Rows) -> Rows:
        """Return the picture with its weak parts dropped and its strong ones a little weaker.

        The likeliest under Laplace's distribution of each part, seen in noise (Hyvarinen 1999,
        Sparse Code Shrinkage, https://doi.org/10.1162/089976699300016214).
        """
        parts = (rows - self.mean) @ self.unmix
        kept = np.sign(parts) * np.maximum(np.abs(parts) - np.float32(THRESHOLD), 0)
        return np.asarray(self.mean + kept @ self.mix, dtype=np.float32)


def learned(
    name: GeneratorName, known: Public, space: ImageSpace, rng: np.random.Generator
) -> Generator:
    """Return a generator of the named kind, fitted to public pictures.

    Raises: NotEnoughKnowledge for fewer than eight pictures, or for a VAE without torch.
    """
    if len(known.rows) < LEAST:
        raise NotEnoughKnowledge(
            f"A generator of pictures was wanted and there are {len(known.rows)} public ones to "
            f"learn from; it takes {LEAST}.",
            way_out="Give the adversary pictures of other people, or set generator to none.",
        )
    if name == "pca":
        return principal_parts(known)
    if name == "ica":
        return independent_parts(known, rng)
    if name == "vae":
        from reticent.attacks._images.autoencoder import fit_autoencoder

        return fit_autoencoder(known, space, rng)
    raise ValueError(f"generator is {name!r}; it must be one of {', '.join(GENERATORS[1:])}.")


def principal_parts(known: Public) -> PrincipalParts:
    """Return the Gaussian of public pictures; what noise there is falls on its components alike."""
    basis, variance = principal(known, len(known.rows))
    noise = (NOISE * known.spread) ** 2 * known.rows.shape[1] / len(basis)
    return PrincipalParts(mean=known.mean, basis=basis, keeps=variance / (variance + noise))


def independent_parts(known: Public, rng: np.random.Generator) -> IndependentParts:
    """Return independent components by FastICA (Hyvarinen & Oja 2000), all at once, tanh."""
    parts = max(len(known.rows) // AN_AXIS, 2)
    basis, variance = principal(known, parts)
    deviation = np.sqrt(np.maximum(variance, 1e-12 * variance[0]))
    white = ((known.rows - known.mean) @ basis.T / deviation).astype(np.float64)
    turn = _turned(white, rng)
    return IndependentParts(
        mean=known.mean,
        unmix=np.asarray((basis.T / deviation) @ turn.T, dtype=np.float32),
        mix=np.asarray(turn @ (deviation[:, None] * basis), dtype=np.float32),
    )


def _turned(white: Floats, rng: np.random.Generator) -> Floats:
    """Return (p, p) the rotation of (n, p) white data after which its parts are least Gaussian."""
    p = white.shape[1]
    turn = _even(rng.standard_normal((p, p)))
    for _ in range(ROUNDS):
        told = np.tanh(white @ turn.T)
        following = _even(told.T @ white / len(white) - (1 - told**2).mean(axis=0)[:, None] * turn)
        moved = 1 - np.abs(np.einsum("ij,ij->i", following, turn)).min()
        turn = following
        if moved < 1e-6:
            break
    return turn


def _even(turn: Floats) -> Floats:
    """Return the rotation nearest to a matrix."""
    left, _, right = np.linalg.svd(turn)
    return np.asarray(left @ right)


def generated(generator: Generator, share: float, stride: float) -> Prior:
    """Return a pull from where a step leads towards the likeliest picture behind that place.

    Args:
        generator: what pictures look like.
        share: of the pull beside the direction itself, from 0 to 1.
        stride: how far ahead to look, root mean square in [0, 1]: noise that one step adds is
            lost beside a picture, and that of a whole way is not.
    """

    def prior(direction: Rows, rows: Rows, _: float) -> Rows:
        plain = unit_rms(direction)
        ahead = rows + np.float32(stride) * plain
        pull = unit_rms(generator.likely(ahead) - rows)
        return np.asarray((1 - share) * plain + share * pull, dtype=np.float32)

    return prior
