"""What only the auditor knows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reticent.core import Answer, Bools, Column

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Truth:
    """The answers, aligned with the candidates.

    Attributes:
        is_member: (n,) whether each candidate was in the training data.
        records: (n, d) the full input records, hidden columns included; None for arrays.
        y: (n,) true class index or outcome; None if not needed.
        answer: the model's raw answers to the true records (for fidelity); None if not needed.
    """

    is_member: Bools
    records: "pd.DataFrame | None" = None
    y: Column | None = None
    answer: Answer | None = None
