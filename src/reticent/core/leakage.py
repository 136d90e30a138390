"""An estimate that never travels without its interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """One metric of one attack under one policy.

    Attributes:
        metric: the field's name for it: "auc", "tpr_at_fpr_0.001", "accuracy", "gain", ...
        estimate: the point estimate; None when there is no data, never 0.
        lower: lower end of the interval; None when there is no data.
        upper: upper end of the interval; None when there is no data.
        confidence: nominal two-sided coverage of [lower, upper].
        method: how the interval was made ("clopper-pearson", "two-way bootstrap", ...).
        null: the value that no leakage would give; None if it is only descriptive.
        n_members: members counted.
        n_non_members: non-members counted.
        counts: the raw counts from which `estimate` can be worked out again.
    """

    metric: str
    estimate: float | None
    lower: float | None
    upper: float | None
    confidence: float
    method: str
    null: float | None = None
    n_members: int = 0
    n_non_members: int = 0
    counts: Mapping[str, float] = field(default_factory=dict)
