"""What every estimate here asks of its input."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from reticent.core import BadInput, Bools, Floats


def checked_scores(scores: ArrayLike, name: str) -> Floats:
    """Return scores as a flat float array, shape (n,).

    Raises: BadInput if there is a NaN: a score that failed is the attack's to place, not ours.
    """
    flat = np.asarray(scores, dtype=np.float64).ravel()
    bad = int(np.isnan(flat).sum())
    if bad:
        raise BadInput(
            f"{bad} of {len(flat)} {name} scores are NaN; every candidate needs a score.",
            way_out="Give a failed attempt the lowest score, so that it stays in the denominator.",
        )
    return flat


def checked_counts(hits: int, n: int, name: str = "hits") -> None:
    """Raise BadInput unless 0 <= hits <= n."""
    if not 0 <= hits <= n:
        raise BadInput(
            f"{name} = {hits} of n = {n}; a count lies between 0 and n.",
            way_out="Pass the number of successes first, then the number of attempts.",
        )


def checked_level(value: float, name: str) -> None:
    """Raise BadInput unless 0 < value < 1."""
    if not 0.0 < value < 1.0:
        raise BadInput(
            f"{name} = {value}; it must lie strictly between 0 and 1.",
            way_out=f"Write {name} as a fraction, such as 0.95 or 0.001.",
        )


def checked_pair(a: ArrayLike, b: ArrayLike) -> tuple[Bools, Bools]:
    """Return two boolean arrays about the same people, shape (n,) each.

    Raises: BadInput if their lengths differ.
    """
    first, second = np.asarray(a, dtype=bool).ravel(), np.asarray(b, dtype=bool).ravel()
    if len(first) != len(second):
        raise BadInput(
            f"{len(first)} outcomes against {len(second)}; a paired test needs the same people.",
            way_out="Grade both attacks on the same candidates, in the same order.",
        )
    return first, second


def checked_p_values(p_values: Sequence[float | None]) -> None:
    """Raise BadInput unless every p-value that is there lies in [0, 1]."""
    for p in p_values:
        if p is not None and not 0.0 <= p <= 1.0:
            raise BadInput(
                f"p-value {p} is outside [0, 1].",
                way_out="Pass None for a test that was not run.",
            )
