"""Noise that asking again does not average away."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel, Floats
from reticent.defences._settings import number
from reticent.defences.base import Keyed

DISTRIBUTIONS = ("laplace", "gaussian")
LOUDEST = 1e100


@dataclass(frozen=True, slots=True)
class KeyedNoise:
    """Add noise that is a function of the secret, the step and the question; labels pass.

    The same question gets the same noise, so repeats teach nothing. Two limits: questions that
    differ in the last digit draw anew, so averaging over *near* repeats still works to the degree
    that the model is flat there; and two endpoints that share a secret share their noise, so two
    scales would cancel. Give every endpoint a secret of its own.

    Class scores are clipped to [0, 1] afterwards and are not brought back to a sum of 1 (that
    would spread one entry's noise over the others and, with entries withheld, tell about those).
    A regressor's values and an embedding's coordinates get the noise as it is.
    Nothing here is a differential-privacy guarantee.

    Attributes:
        scale: in the unit of the answer, above 0: Laplace's b (standard deviation sqrt(2) b), or
            the standard deviation of the Gaussian.
        distribution: "laplace" or "gaussian".
    """

    kind: ClassVar[str] = "keyed_noise"
    keyed: ClassVar[bool] = True

    scale: float
    distribution: str = "laplace"

    def __post_init__(self) -> None:
        scale = number("scale", self.scale, low=0, high=LOUDEST, open_low=True)
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"distribution is {self.distribution!r}; it must be one of {list(DISTRIBUTIONS)}."
            )
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "distribution", str(self.distribution))

    def narrows(self, channels: Channel) -> Channel:
        """Shut LOGITS, which carry no noise."""
        return channels & ~Channel.LOGITS

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer with noise added; withheld entries stay withheld."""
        scores, values, embeddings = answer.scores, answer.values, answer.embeddings
        if scores is not None:
            scores = np.clip(scores + self._draw(noise, scores.shape[1]), 0.0, 1.0)
        if values is not None:
            values = values + self._draw(noise, 1)[:, 0]
        if embeddings is not None:
            embeddings = embeddings + self._draw(noise, embeddings.shape[1])
        return Answer(labels=answer.labels, scores=scores, values=values, embeddings=embeddings)

    def _draw(self, noise: Keyed, width: int) -> Floats:
        """Return (n, width) draws.

        Laplace by its inverse distribution function, Gaussian by Box and Muller (1958): both
        need uniforms in the open interval (0, 1), and no special function.
        """
        if self.distribution == "laplace":
            centred = noise.uniforms(width) - 0.5
            draw: Floats = -np.sign(centred) * np.log1p(-2 * np.abs(centred))
            return self.scale * draw
        # A pair a column, so that a column's draw does not depend on how many follow it.
        u = noise.uniforms(2 * width)
        draw = np.sqrt(-2 * np.log(u[:, ::2])) * np.cos(2 * np.pi * u[:, 1::2])
        return self.scale * draw
