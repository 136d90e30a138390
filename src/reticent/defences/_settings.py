"""What every defence asks of its settings, and of the answers it is given.

Settings are brought to one type each, so that 1 and 1.0 give one policy and one digest.
"""

import math
from numbers import Real

from reticent.core import Answer, BadPolicy, Floats


def number(name: str, value: object, *, low: float, high: float, open_low: bool = False) -> float:
    """Return `value` as a finite float in [low, high], or in (low, high] if `open_low`.

    Raises: ValueError naming the value and the rule.
    """
    plain = _plain(value)
    above = plain > low if open_low else plain >= low
    if not (above and plain <= high):
        bracket = "(" if open_low else "["
        raise ValueError(
            f"{name} is {value!r}; it must be a number in {bracket}{low:g}, {high:g}]."
        )
    return plain


def whole(name: str, value: object, *, low: int, high: int) -> int:
    """Return `value` as an int in [low, high]; 2.0 is 2.

    Raises: ValueError naming the value and the rule.
    """
    plain = _plain(value)
    if not (plain.is_integer() and low <= plain <= high):
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {low} to {high}.")
    return int(plain)


def _plain(value: object) -> float:
    """Return a real number as float, -0.0 as 0.0; NaN, which fits no range, for all else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value) + 0.0
    except OverflowError:
        return math.nan


def refuse_values(kind: str, answer: Answer) -> None:
    """Raise BadPolicy if the answer is a value or an embedding: `kind` makes no sense there."""
    if answer.values is not None:
        raise BadPolicy(
            f"The policy has a {kind} step, but the model answers with a number (regression).",
            way_out="Use round, bucket, clip or keyed_noise, or leave the step out.",
        )
    if answer.embeddings is not None:
        raise BadPolicy(
            f"The policy has a {kind} step, but the model answers with an embedding.",
            way_out="Use round, quantise, truncate, clip, keyed_noise or rotate, or leave the step "
            "out.",
        )


def embeddings_of(kind: str, answer: Answer, *, way_out: str) -> Floats:
    """Return (n, d) the embeddings of an answer.

    Raises: BadPolicy if it has none: `kind` makes no sense there.
    """
    if answer.embeddings is None:
        raise BadPolicy(
            f"The policy has a {kind} step, but the model does not answer with an embedding.",
            way_out=way_out,
        )
    return answer.embeddings
