"""Keep a few decimals."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel, Floats
from reticent.defences._settings import whole
from reticent.defences.base import Keyed

MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Round:
    """Round every score, value or coordinate to `digits` decimals; labels pass as they are.

    Rounded scores are not brought back to a sum of 1, and keep their order except for ties.

    Attributes:
        digits: decimals kept, -15 to 15; -1 rounds a regressor's value to tens.
    """

    kind: ClassVar[str] = "round"
    keyed: ClassVar[bool] = False

    digits: int

    def __post_init__(self) -> None:
        digits = whole("digits", self.digits, low=-MOST_DIGITS, high=MOST_DIGITS)
        object.__setattr__(self, "digits", digits)

    def narrows(self, channels: Channel) -> Channel:
        """Shut LOGITS, which would tell what rounding took away."""
        return channels & ~Channel.LOGITS

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer rounded half to even; withheld entries stay withheld."""
        return Answer(
            labels=answer.labels,
            scores=None if answer.scores is None else self._rounded(answer.scores),
            values=None if answer.values is None else self._rounded(answer.values),
            embeddings=None if answer.embeddings is None else self._rounded(answer.embeddings),
        )

    def _rounded(self, numbers: Floats) -> Floats:
        with np.errstate(over="ignore"):  # numpy scales by 10^digits: huge values overflow there
            rounded = np.round(numbers, self.digits) + 0.0
        # A value too big to be scaled has no decimals to lose.
        return np.where(np.isfinite(numbers) & ~np.isfinite(rounded), numbers, rounded)
