"""The vocabulary: plain frozen data shared by every other module."""

from reticent.core.answers import Answer, check_raw
from reticent.core.channels import NO_CHANNEL, TABULAR, Channel, Family, Seen
from reticent.core.claims import (
    ArtefactClaim,
    AttributeClaim,
    Claim,
    ExtractionClaim,
    MembershipClaim,
    RangeClaim,
    RecordClaim,
)
from reticent.core.errors import (
    BadAnswer,
    BadInput,
    BadPolicy,
    BadRecord,
    BudgetSpent,
    NotEnoughKnowledge,
    NotExposed,
    ReticentError,
    UntrustedFile,
)
from reticent.core.images import ImageSpace, ReconstructionClaim
from reticent.core.inputs import canonical_cell, canonical_rows, repeat, stack, take
from reticent.core.leakage import Leakage
from reticent.core.records import Candidates, Domain, Domains, Population
from reticent.core.text import Call, Choice, TextReply, TokenScores, Usage
from reticent.core.texts import TextReconstructionClaim, as_texts, texts_of
from reticent.core.types import Bools, Column, Floats, Inputs, Ints

__all__ = [
    "NO_CHANNEL",
    "TABULAR",
    "Answer",
    "ArtefactClaim",
    "AttributeClaim",
    "BadAnswer",
    "BadInput",
    "BadPolicy",
    "BadRecord",
    "Bools",
    "BudgetSpent",
    "Call",
    "Candidates",
    "Channel",
    "Choice",
    "Claim",
    "Column",
    "Domain",
    "Domains",
    "ExtractionClaim",
    "Family",
    "Floats",
    "ImageSpace",
    "Inputs",
    "Ints",
    "Leakage",
    "MembershipClaim",
    "NotEnoughKnowledge",
    "NotExposed",
    "Population",
    "RangeClaim",
    "ReconstructionClaim",
    "RecordClaim",
    "ReticentError",
    "Seen",
    "TextReconstructionClaim",
    "TextReply",
    "TokenScores",
    "UntrustedFile",
    "Usage",
    "as_texts",
    "canonical_cell",
    "canonical_rows",
    "check_raw",
    "repeat",
    "stack",
    "take",
    "texts_of",
]
