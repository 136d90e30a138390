"""Scores come with more digits than a decision needs."""

from typing import ClassVar, final

import numpy as np

from reticent.audit.probe_record import Severity
from reticent.audit.record import Figure
from reticent.core import Floats
from reticent.probe.base import Result, Scene, names, not_run
from reticent.probe.excerpts import evidence_of

MOST_DECIMALS = 4
ROWS = 6


@final
class FullPrecisionScores:
    """Count the decimals of the scores, or values, of a few answers."""

    id: ClassVar[str] = "full-precision-scores"
    title: ClassVar[str] = "Full-precision scores"
    sends: ClassVar[str] = f"{ROWS} rows, one by one, to each prediction route."
    most_requests: ClassVar[int] = 20
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = "Round or bucket scores, or answer with the label alone."

    def run(self, scene: Scene) -> Result:
        """Return "found" if a number has more than `MOST_DECIMALS` decimals."""
        routes = scene.surface.predicting
        if not routes:
            return not_run("No prediction route answered us.")
        worst, where, counted = 0, None, 0
        for route in routes[: self.most_requests // ROWS]:
            for row in route.rows[:ROWS]:
                exchange, answer = route.ask(scene.client, [row])
                for part in (None, None) if answer is None else (answer.scores, answer.values):
                    if part is not None:
                        counted += int(np.isfinite(part).sum())
                        if (found := decimals(part)) > worst:
                            worst, where = found, exchange
        if counted == 0:
            return Result(
                outcome="not found", why=f"{names([r.path for r in routes])} shows labels alone."
            )
        figure = Figure(
            metric="most_decimals",
            estimate=float(worst),
            lower=None,
            upper=None,
            confidence=0.0,
            method="greatest number of decimals among the numbers shown",
            counts={"numbers": float(counted)},
        )
        found_it = worst > MOST_DECIMALS and where is not None
        return Result(
            outcome="found" if found_it else "not found",
            why=f"Scores have up to {worst} decimals; more than {MOST_DECIMALS} tell records "
            "apart that a decision does not."
            if found_it
            else f"No score has more than {worst} decimals ({MOST_DECIMALS} are let pass).",
            evidence=(evidence_of(where),) if where is not None else (),
            figures=(figure,),
        )


def decimals(numbers: Floats) -> int:
    """Return the most decimals that any of these numbers needs to be written.

    >>> decimals(np.array([0.25, 0.875])), decimals(np.array([1e-7])), decimals(np.array([1.0]))
    (3, 7, 0)
    """
    shown = numbers[np.isfinite(numbers)]
    return max(
        (len(np.format_float_positional(x, trim="-").partition(".")[2]) for x in shown), default=0
    )
