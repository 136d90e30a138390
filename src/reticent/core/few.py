"""A few answers of a classifier as plain lists: what an `Answer` says, at a guard's speed.

Arrays cost microseconds a call however little they hold. What is done to a `Few` is done to the
`Answer` bit for bit; where that could not be kept, it is left to the arrays.
"""

from typing import NamedTuple

from reticent.core.answers import SUM_TOL
from reticent.core.channels import Channel

_LABEL = Channel.LABEL.value
_SCORES = (Channel.SCORES | Channel.TOP_K).value


class Few(NamedTuple):
    """Answers to n questions, `FEW` numbers at most.

    Attributes:
        labels: n class indices, -1 where the endpoint abstained; None for none.
        scores: n rows of k class probabilities, NaN where one is withheld; None for none.
    """

    labels: list[int] | None
    scores: list[list[float]] | None

    def is_fine(self) -> bool:
        """Return whether the scores are plainly probabilities; False is no verdict."""
        if self.scores is None:
            return False
        for row in self.scores:  # a loop: a generator costs more than such few numbers do
            if not (min(row) >= 0.0 and max(row) <= 1.0 and abs(sum(row) - 1.0) < SUM_TOL / 2):
                return False
        return True

    def only(self, channels: int) -> "Few":
        """Return these answers without the parts that no open channel carries; see `Answer.only`.

        Args:
            channels: value of the open ones.
        """
        if channels & _LABEL and channels & _SCORES:
            return self
        return Few(
            self.labels if channels & _LABEL else None,
            self.scores if channels & _SCORES else None,
        )
