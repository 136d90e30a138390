"""What a model's interface can let out."""

from enum import Flag, StrEnum, auto


class Channel(Flag):
    """One kind of output an adversary may observe: subsets, not a ladder."""

    LABEL = auto()
    TOP_K = auto()
    SCORES = auto()
    LOGITS = auto()
    VALUE = auto()
    EMBEDDING = auto()
    TOKENS = auto()
    LOGPROBS = auto()
    EXPLANATION = auto()
    INTERMEDIATE = auto()
    GRADIENTS = auto()
    WEIGHTS = auto()
    TIMING = auto()


NO_CHANNEL = Channel(0)


class Seen(StrEnum):
    """What the adversary has already seen of the person whose attribute is guessed.

    It moves the same attack from mediocre to perfect, so it is part of every cell's name.
    """

    NOTHING = "nothing"  # only the known columns
    Y = "y"  # and the person's true outcome
    LABEL = "label"  # and the model's label (or value) on the true record
    SCORES = "scores"  # and the model's full answer on the true record


class Family(StrEnum):
    """What an attack is after; decides how its claim is graded."""

    MEMBERSHIP = "membership"
    RANGE = "range"
    ATTRIBUTE = "attribute"
    RECORD = "record"
    CHAIN = "chain"
    ARTEFACT = "artefact"
    EXTRACTION = "extraction"
    RECONSTRUCTION = "reconstruction"  # pictures of the people behind a class or a template
    TEXT = "text"  # training text, word for word or in part
    EMBEDDING = "embedding"  # the text behind a vector


TABULAR = frozenset(Family) - {Family.RECONSTRUCTION, Family.TEXT, Family.EMBEDDING}
