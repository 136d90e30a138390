"""Flatten or sharpen class scores."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel, Floats
from reticent.defences._settings import number, refuse_values
from reticent.defences.base import Keyed

COLDEST, HOTTEST = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class Temperature:
    r"""Replace class scores p by p^(1/t), rescaled; labels pass as they are.

    p'_j = p_j^(1/t) * sum_i p_i / sum_i p_i^(1/t), the sums over the scores that are shown: a full
    row keeps its sum of 1, and of a row with withheld scores nothing is told about those.

    A smooth one-to-one map hides nothing by itself: an adversary who knows t undoes it, and t > 1
    can RAISE the success of inversion from scores, because it lifts small scores out of rounding
    and gives optimisation a slope to follow. Audit it; do not assume that it helps.

    Attributes:
        t: temperature in [1e-6, 1e6]; 1 changes nothing, above 1 flattens.
    """

    kind: ClassVar[str] = "temperature"
    keyed: ClassVar[bool] = False

    t: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "t", number("t", self.t, low=COLDEST, high=HOTTEST))

    def narrows(self, channels: Channel) -> Channel:
        """Shut LOGITS, which are those of another temperature."""
        return channels & ~Channel.LOGITS

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer at temperature `t`; withheld entries stay withheld.

        Raises: BadPolicy if the model is a regressor or an embedder.
        """
        refuse_values(self.kind, answer)
        if answer.scores is None:
            return answer
        return Answer(labels=answer.labels, scores=_tempered(answer.scores, self.t))


def _tempered(p: Floats, t: float) -> Floats:
    """Return p^(1/t) row by row, rescaled to the sum that the row had.

    >>> _tempered(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    withheld = np.isnan(p)
    plain = np.where(withheld, 0.0, np.clip(p, 0.0, None))
    top = plain.max(axis=1, keepdims=True, initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        weight = np.exp((np.log(plain) - np.log(top)) / t)
    weight = np.where(plain > 0, weight, 0.0)  # a score of 0 stays 0 at any temperature
    total = _sum(weight)
    share = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    return np.where(withheld, np.nan, share * _sum(plain))


def _sum(rows: Floats) -> Floats:
    """Return (n, 1) sums, added from left to right: withheld columns beside change no digit."""
    return np.cumsum(rows, axis=1)[:, -1:]
