"""What an attack finds with fewer queries than it asks when nobody stops it."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from reticent.audit.record import Curve
from reticent.core import BudgetSpent, Leakage, NotEnoughKnowledge

SHARES = (1 / 16, 1 / 4)  # of the queries that an attack asks when nobody stops it

T = TypeVar("T")


def with_fewer(
    queries: int,
    draws: Sequence[np.random.Generator],
    run: Callable[[np.random.Generator, int], T],
) -> list[T]:
    """Return the outcomes with shares of the queries; none for those it cannot make do with.

    Args:
        queries: asked when nobody stopped it.
        draws: a generator for each of `SHARES`.
        run: generator, query budget -> outcome.
    """
    found = []
    for share, draw in zip(SHARES, draws, strict=True):
        try:
            found.append(run(draw, int(share * queries)))
        except (BudgetSpent, NotEnoughKnowledge):
            continue
    return found


def success_curve(outcomes: Iterable[tuple[int, Leakage]]) -> Curve | None:
    """Return success against the queries really asked; None if there is but one such number.

    Args:
        outcomes: queries asked and the primary figure.
    """
    points = sorted(
        (asked, p.estimate, p.lower, p.upper)
        for asked, p in outcomes
        if p.estimate is not None and p.lower is not None and p.upper is not None
    )
    if len({asked for asked, *_ in points}) < 2:
        return None
    x, y, lower, upper = (list(map(float, column)) for column in zip(*points, strict=True))
    return Curve(name="success_against_queries", x=x, y=y, lower=lower, upper=upper)
