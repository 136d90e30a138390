"""Withhold small scores."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel
from reticent.defences._settings import number, refuse_values
from reticent.defences.base import Keyed


@dataclass(frozen=True, slots=True)
class Threshold:
    """Withhold every class score below `t`; labels pass as they are.

    If just one score of a row is withheld, subtraction from 1 still tells it: follow with round or
    bucket where that matters.

    Attributes:
        t: least score that is shown, in (0, 1].
    """

    kind: ClassVar[str] = "threshold"
    keyed: ClassVar[bool] = False

    t: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "t", number("t", self.t, low=0, high=1, open_low=True))

    def narrows(self, channels: Channel) -> Channel:
        """Shut SCORES and LOGITS: what is left is a few top scores (TOP_K)."""
        return channels & ~(Channel.SCORES | Channel.LOGITS)

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer with NaN for every score below `t`.

        Raises: BadPolicy if the model is a regressor or an embedder.
        """
        refuse_values(self.kind, answer)
        if answer.scores is None:
            return answer
        shown = np.where(answer.scores >= self.t, answer.scores, np.nan)
        return Answer(labels=answer.labels, scores=shown)
