"""What a language model says, before or after a policy: whole, or one piece of a stream."""

from dataclasses import dataclass

from reticent.core.answers import Answer


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TokenScores:
    """The probabilities of T generated tokens and of the alternatives shown beside them.

    Each position is one question to the model: what comes next? Its alternatives are the classes,
    so a policy does to them what it does to class scores.

    Attributes:
        tokens: T tuples of the alternatives' texts, in the order of the columns of `answer.scores`.
        answer: labels (T,), the column of the token that was chosen; scores (T, K) probabilities,
            NaN where a position has fewer alternatives or a policy withheld one.
        start: position of the first of them in its choice, from 0.
    """

    tokens: tuple[tuple[str, ...], ...]
    answer: Answer
    start: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function that a model asks its caller to run, or the next piece of its arguments.

    Attributes:
        index: which of the calls of one text, from 0.
        name: of the function; "" for a piece of a call that has begun.
        arguments: JSON text, as far as the model wrote any.
    """

    index: int
    name: str = ""
    arguments: str = ""


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True, eq=False)
class Choice:
    """One of the texts that a model wrote, or the next piece of it.

    Attributes:
        index: which of the texts, from 0.
        text: its words.
        finish_reason: why it ended ("stop", "length", ...); None while it goes on.
        token_scores: None where they were not asked for, or are not exposed.
        calls: of functions, after the words.
    """

    index: int
    text: str
    finish_reason: str | None = None
    token_scores: TokenScores | None = None
    calls: tuple[Call, ...] = ()


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True)
class Usage:
    """Tokens that were counted."""

    prompt_tokens: int
    completion_tokens: int


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True, eq=False)
class TextReply:
    """A language model's reply, or one event of a streamed one.

    Attributes:
        choices: the texts, or the next piece of each that goes on.
        usage: None where it is not given.
    """

    choices: tuple[Choice, ...]
    usage: Usage | None = None
