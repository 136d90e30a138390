"""Show the best few classes."""

from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel
from reticent.core.answers import FEW
from reticent.core.few import Few
from reticent.defences._settings import refuse_values, whole
from reticent.defences.base import Keyed

MOST_CLASSES = 1_000_000


@dataclass(frozen=True, slots=True)
class TopK:
    """Withhold all but the `k` highest class scores of a row; labels pass as they are.

    Of equal scores the earlier class is shown. With k = classes - 1 the withheld score follows by
    subtraction from 1.

    Attributes:
        k: scores shown a row, 1 or more.
    """

    kind: ClassVar[str] = "top_k"
    keyed: ClassVar[bool] = False

    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole("k", self.k, low=1, high=MOST_CLASSES))

    def narrows(self, channels: Channel) -> Channel:
        """Shut SCORES and LOGITS; TOP_K is left."""
        return channels & ~(Channel.SCORES | Channel.LOGITS)

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer with NaN for every score but the `k` highest.

        Raises: BadPolicy if the model is a regressor or an embedder.
        """
        refuse_values(self.kind, answer)
        if answer.scores is None:
            return answer
        if answer.scores.size <= FEW:
            rows = answer.scores.tolist()
            if not any(v != v for row in rows for v in row):  # NaN has no place in an order
                few = [_best_of(row, self.k) for row in rows]
                return Answer(
                    labels=answer.labels,
                    scores=np.array(few, dtype=np.float64).reshape(answer.scores.shape),
                )
        best = np.argsort(-answer.scores, axis=1, kind="stable")[:, : self.k]  # NaN sorts last
        shown = np.full_like(answer.scores, np.nan)
        np.put_along_axis(shown, best, np.take_along_axis(answer.scores, best, axis=1), axis=1)
        return Answer(labels=answer.labels, scores=shown)

    def apply_few(self, few: Few) -> Few | None:
        """Return what `apply` does, of a few; None if a score is withheld already."""
        rows = few.scores
        if rows is None:
            return few
        for row in rows:
            for v in row:
                if v != v:
                    return None
        return Few(few.labels, [_best_of(row, self.k) for row in rows])


def _best_of(row: list[float], k: int) -> list[float]:
    """Return a row with NaN for all but its `k` highest numbers, the earlier of equals first."""
    shown = [nan] * len(row)
    if k == 1:
        best = max(row)
        shown[row.index(best)] = best
        return shown
    for i in sorted(range(len(row)), key=row.__getitem__, reverse=True)[:k]:
        shown[i] = row[i]
    return shown
