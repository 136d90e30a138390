"""Keep a few decimals."""

from dataclasses import dataclass
from math import isinf
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel, Floats
from reticent.core.answers import FEW
from reticent.core.few import Few
from reticent.defences._settings import whole
from reticent.defences.base import Keyed

MOST_DIGITS = 15
_WHOLE = 2.0**52  # from here on every float is a whole number


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

    def apply_few(self, few: Few) -> Few:
        """Return what `apply` does, of a few."""
        if few.scores is None:
            return few
        digits = self.digits
        return Few(few.labels, [[_rounded_one(v, digits) for v in row] for row in few.scores])

    def _rounded(self, numbers: Floats) -> Floats:
        if numbers.size <= FEW:
            rounded_few = [_rounded_one(v, self.digits) for v in numbers.ravel().tolist()]
            return np.array(rounded_few, dtype=np.float64).reshape(numbers.shape)
        with np.errstate(over="ignore"):  # numpy scales by 10^digits: huge values overflow there
            rounded = np.round(numbers, self.digits) + 0.0
        # A value too big to be scaled has no decimals to lose.
        return np.where(np.isfinite(numbers) & ~np.isfinite(rounded), numbers, rounded)


def _rounded_one(number: float, digits: int) -> float:
    """Return what numpy makes of one number, step for step: scale, round half to even, scale back.

    >>> _rounded_one(0.285, 2), _rounded_one(25.0, -1), _rounded_one(-0.4, 0)
    (0.28, 20.0, 0.0)
    """
    unit = 10.0 ** abs(digits)
    scaled = number * unit if digits >= 0 else number / unit
    if -_WHOLE < scaled < _WHOLE:
        scaled = float(round(scaled))
    rounded = scaled / unit if digits >= 0 else scaled * unit
    if isinf(rounded) and not isinf(number):
        return number
    return rounded + 0.0
