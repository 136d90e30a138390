"""What an attack asserts, before anyone has checked it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reticent.core.images import ReconstructionClaim
from reticent.core.texts import TextReconstructionClaim
from reticent.core.types import Column, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MembershipClaim:
    """One score per candidate, shape (n,); higher means more likely a member.

    Attributes:
        notes: what the attack chose or found on the way (printed, never graded).
    """

    scores: Floats
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RangeClaim:
    """One score per profile, shape (n,); higher means "somebody like this is in there"."""

    scores: Floats
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AttributeClaim:
    """A guess per candidate for every missing column.

    Attributes:
        guesses: column -> (n,) guessed values, in the column's own type.
        confidence: (n,) how sure the attack is of the row; higher is surer.
        posterior: column -> (n, k) probability of each value of the column's domain, if known.
    """

    guesses: Mapping[str, Column]
    confidence: Floats
    posterior: Mapping[str, Floats] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RecordClaim:
    """Whole records that the attack says were in the training data.

    Attributes:
        records: (n, d) one row per starting point, every column filled in.
        confidence: (n,) higher is surer.
    """

    records: "pd.DataFrame"
    confidence: Floats
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArtefactClaim:
    """Training rows read out of the model's own state.

    Attributes:
        rows: (r, d) in the space the model keeps them in (after its preprocessing).
        keeps: what the rows are there for ("support vectors", "neighbours", ...).
        outcomes: (r,) the label or value kept beside each row, or None.
    """

    rows: Floats
    keeps: str
    outcomes: Column | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExtractionClaim:
    """A copy of the model's behaviour.

    Attributes:
        labels: (n,) the copy's class for each candidate, or None for a regressor.
        values: (n,) the copy's value for each candidate, or None for a classifier.
    """

    labels: Ints | None = None
    values: Floats | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


Claim = (
    MembershipClaim
    | RangeClaim
    | AttributeClaim
    | RecordClaim
    | ArtefactClaim
    | ExtractionClaim
    | ReconstructionClaim
    | TextReconstructionClaim
)
