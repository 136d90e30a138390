"""Repeated questions get differing answers, so their mean says what one does not."""

from typing import ClassVar, final

import numpy as np

from reticent.audit.probe_record import Severity
from reticent.audit.record import Figure
from reticent.core import Answer, Floats
from reticent.probe.base import Result, Scene, names, not_run
from reticent.probe.excerpts import evidence_of

REPEATS = 6


@final
class UnkeyedNoise:
    """Ask one row again and again, alone and beside another."""

    id: ClassVar[str] = "unkeyed-noise"
    title: ClassVar[str] = "Noise that averages out"
    sends: ClassVar[str] = f"One row {REPEATS} times alone, and once beside another row."
    most_requests: ClassVar[int] = 2 * (REPEATS + 1)
    severity: ClassVar[Severity] = "medium"
    way_out: ClassVar[str] = "Key the noise by the question, as keyed_noise does."

    def run(self, scene: Scene) -> Result:
        """Return "found" if equal questions got different numbers."""
        routes = scene.surface.predicting[:2]
        if not routes:
            return not_run("No prediction route answered us.")
        told = []
        for route in routes:
            rows = [[route.rows[0]]] * REPEATS
            rows += [[route.rows[0], route.rows[1]]] if len(route.rows) > 1 else []
            asked = [route.ask(scene.client, each) for each in rows]
            numbers = [_numbers(answer) for _, answer in asked if answer is not None]
            if len(numbers) < REPEATS:
                continue
            told.append(route.path)
            if any(not np.array_equal(n, numbers[0], equal_nan=True) for n in numbers):
                spread = float(np.nanmax(np.std(np.array(numbers), axis=0)))
                figure = Figure(
                    metric="spread_of_repeats",
                    estimate=spread,
                    lower=None,
                    upper=None,
                    confidence=0.0,
                    method="standard deviation of one answer, asked again and again",
                    counts={"repeats": float(len(numbers))},
                )
                return Result(
                    outcome="found",
                    why=f"{route.path} answers the same row differently, so repeats average the "
                    "noise away.",
                    evidence=tuple(evidence_of(exchange) for exchange, _ in asked[:2]),
                    figures=(figure,),
                )
        if not told:
            return Result(
                outcome="inconclusive", why=f"Fewer than {REPEATS} repeats were answered."
            )
        return Result(
            outcome="not found",
            why=f"{names(told)} answered {REPEATS} repeats of a row with the same numbers.",
        )


def _numbers(answer: Answer) -> Floats:
    parts = [p for p in (answer.labels, answer.scores, answer.values) if p is not None]
    return np.concatenate([np.asarray(part[0], dtype=np.float64).ravel() for part in parts])
