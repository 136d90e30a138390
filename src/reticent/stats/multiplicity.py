"""Many questions at once: declared families, exploration, and looking again and again."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from reticent.core import BadInput, Floats
from reticent.stats._checks import checked_level, checked_p_values

PValues = Sequence[float | None]


def holm(p_values: PValues) -> list[float | None]:
    """Return p-values adjusted for a family declared beforehand (family-wise error).

    A None (declared, not run) stays None but keeps its place in the family: dropping a question
    after the fact must not make the others look better.

    Source: Holm 1979. Written out because statsmodels' form collects all garbage at every call
    (60 ms and more); the tests compare the two.

    >>> [p if p is None else round(p, 3) for p in holm([0.01, None, 0.04])]
    [0.03, None, 0.08]
    """
    filled = _filled(p_values)
    order = np.argsort(filled)
    left = np.arange(len(filled), 0, -1)
    adjusted = np.empty(len(filled))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(filled[order] * left))
    return _where_run(p_values, adjusted)


def benjamini_hochberg(p_values: PValues) -> list[float | None]:
    """Return p-values adjusted for exploration (false discovery rate); None as in `holm`.

    Source: Benjamini & Hochberg 1995, through scipy.

    >>> benjamini_hochberg([0.01, 0.02, 0.03])
    [0.03, 0.03, 0.03]
    """
    from scipy.stats import false_discovery_control

    return _where_run(p_values, false_discovery_control(_filled(p_values)))


def alpha_spending(
    fractions: Sequence[float],
    *,
    alpha: float = 0.05,
    kind: Literal["obrien-fleming", "pocock"] = "obrien-fleming",
) -> Floats:
    """Return the error spent up to every look of a monitoring plan, shape (looks,).

    Args:
        fractions: (looks,) share of the planned information seen at each look, rising, in (0, 1].
        alpha: error to spend in all.
        kind: O'Brien-Fleming-like (spends late) or Pocock-like (spends evenly).

    Source: Lan & DeMets 1983: 2 - 2 Phi(z_{alpha/2} / sqrt(t)); alpha ln(1 + (e - 1) t).

    >>> alpha_spending([0.25, 0.5, 1.0]).round(4).tolist()
    [0.0001, 0.0056, 0.05]
    >>> alpha_spending([0.5, 1.0], kind="pocock").round(4).tolist()
    [0.031, 0.05]
    """
    checked_level(alpha, "alpha")
    t = np.asarray(fractions, dtype=np.float64)
    if t.size and (t[0] <= 0 or t[-1] > 1 or (np.diff(t) <= 0).any()):
        raise BadInput(
            f"information fractions {list(fractions)}; they must rise within (0, 1].",
            way_out="Give each look's share of the planned number of records.",
        )
    if kind == "pocock":
        return np.asarray(alpha * np.log1p((math.e - 1) * t), dtype=np.float64)
    return np.asarray(2 * ndtr(-ndtri(1 - alpha / 2) / np.sqrt(t)), dtype=np.float64)


def alpha_at_each_look(
    fractions: Sequence[float],
    *,
    alpha: float = 0.05,
    kind: Literal["obrien-fleming", "pocock"] = "obrien-fleming",
) -> Floats:
    """Return what each look may spend: a p-value at or below it raises an alarm, shape (looks,).

    The increments of `alpha_spending`. By the union bound the chance of any false alarm is at
    most alpha, however the looks depend on each other.

    >>> alpha_at_each_look([0.5, 1.0], kind="pocock").round(4).tolist()
    [0.031, 0.019]
    """
    return np.diff(alpha_spending(fractions, alpha=alpha, kind=kind), prepend=0.0)


def _filled(p_values: PValues) -> Floats:
    checked_p_values(p_values)
    return np.array([1.0 if p is None else p for p in p_values], dtype=np.float64)


def _where_run(p_values: PValues, adjusted: Floats) -> list[float | None]:
    return [None if p is None else float(new) for p, new in zip(p_values, adjusted, strict=True)]
