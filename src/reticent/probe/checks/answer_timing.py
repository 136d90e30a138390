"""The time to an answer tells which answer it is."""

from collections import Counter
from typing import Any, ClassVar, final

import numpy as np

from reticent.audit.probe_record import Outcome, Severity
from reticent.audit.record import Control, Figure
from reticent.core import Answer, Bools, Floats
from reticent.probe.base import Result, Scene, not_run
from reticent.probe.client import Exchange
from reticent.probe.excerpts import evidence_of
from reticent.probe.surface import Route
from reticent.stats.permutation import permutation_auc_p

ROWS_A_SIDE = 12
MOST_LOOKED_AT = 40
ROUNDS = 3
SHUFFLES = 19_999
#: With fewer rows a side no order of them is rarer than the declared error: C(12, 6) = 924.
LEAST_A_SIDE = 7

Looked = tuple[Any, Answer]


@final
class AnswerTiming:
    """Time rows of two answers in turn, and ask whether the clock tells them apart.

    A row is what is shuffled, not a request: repeats of a row are no independent witnesses of what
    its answer does to the time. Each row's time is the median of its repeats; the rows' order is
    drawn anew in every round, so that a server that grows slower slows both sides. The statistic is
    the rank sum of one side's times, two-sided, by shuffling which row is on which side. Rows are
    put on sides by their label, and, where numbers are shown, also by whether those are above their
    median; the smaller p-value counts, times the number of ways.
    """

    id: ClassVar[str] = "answer-timing"
    title: ClassVar[str] = "Timing that depends on the answer"
    sends: ClassVar[str] = (
        f"Up to {MOST_LOOKED_AT} rows until {ROWS_A_SIDE} of each of two answers are known, and "
        f"those {ROUNDS} times more, in a random order each time."
    )
    most_requests: ClassVar[int] = MOST_LOOKED_AT + 2 * ROWS_A_SIDE * ROUNDS
    severity: ClassVar[Severity] = "medium"
    way_out: ClassVar[str] = 'Let answers take a round time: { kind = "pad_time", grid_ms = 100 }.'

    def run(self, scene: Scene) -> Result:
        """Return "found" if the times of two answers differ beyond the declared error."""
        routes = scene.surface.predicting
        if not routes:
            return not_run("No prediction route answered us.")
        route = routes[0]
        looked, failed = _look(scene, route)
        if failed is not None:
            return _cut_short(failed, len(looked))
        chosen = _chosen(looked)
        sides = sides_of([answer for _, answer in chosen])
        if not sides:
            return Result(
                outcome="inconclusive",
                why=f"{len(looked)} rows did not bring {LEAST_A_SIDE} of each of two answers: give "
                "rows of several answers with --sample.",
            )
        times = np.empty((ROUNDS, len(chosen)))
        for round_ in times:
            for i in scene.rng.permutation(len(chosen)):
                exchange, answer = route.ask(scene.client, [chosen[i][0]])
                if answer is None:
                    return _cut_short(exchange, len(looked))
                round_[i] = exchange.seconds
        return _judged(np.median(times, axis=0) * 1e3, sides, scene, exchange)


def _look(scene: Scene, route: Route) -> tuple[list[Looked], Exchange | None]:
    """Return rows with their answers until there are enough of two; the exchange that failed."""
    looked: list[Looked] = []
    for row in route.rows[:MOST_LOOKED_AT]:
        exchange, answer = route.ask(scene.client, [row])
        if exchange.is_limited:
            return looked, exchange
        if answer is not None:
            looked.append((row, answer))
        common = Counter(label_of(a) for _, a in looked).most_common(2)
        if len(common) == 2 and common[1][1] >= ROWS_A_SIDE:
            break
    return looked, None


def _chosen(looked: list[Looked]) -> list[Looked]:
    """Return rows of the two commonest answers, as many of each; the first ones if there is one."""
    common = [label for label, n in Counter(label_of(a) for _, a in looked).most_common(2)]
    groups = [[each for each in looked if label_of(each[1]) == label] for label in common]
    n = min(ROWS_A_SIDE, *map(len, groups)) if len(groups) == 2 else 0
    if n >= LEAST_A_SIDE:
        return [*groups[0][:n], *groups[1][:n]]
    return looked[: 2 * ROWS_A_SIDE]


def sides_of(answers: list[Answer]) -> dict[str, Bools]:
    """Return ways to put rows on two sides by their answers, each with enough rows a side."""
    labels = np.array([label_of(answer) for answer in answers])
    numbers = np.array([_number(answer) for answer in answers])
    ways = {}
    if len(labels):
        ways["label"] = labels == Counter(labels.tolist()).most_common(1)[0][0]
        if len(np.unique(numbers)) > 2:
            ways["score"] = numbers > np.median(numbers)
    return {
        name: side for name, side in ways.items() if min(side.sum(), (~side).sum()) >= LEAST_A_SIDE
    }


def label_of(answer: Answer) -> int:
    """Return the label of a single answer; 0 where it has none."""
    return int(answer.labels[0]) if answer.labels is not None else 0


def _number(answer: Answer) -> float:
    if answer.scores is not None and np.isfinite(answer.scores[0]).any():
        return float(np.nanmax(answer.scores[0]))
    return float(answer.values[0]) if answer.values is not None else 0.0


def _judged(times_ms: Floats, sides: dict[str, Bools], scene: Scene, last: Exchange) -> Result:
    by_way = {name: two_sided_p(times_ms, side, scene.rng) for name, side in sides.items()}
    way = min(by_way, key=lambda name: by_way[name])
    side, p = sides[way], min(1.0, by_way[way] * len(sides))
    shuffled = two_sided_p(times_ms, scene.rng.permutation(side), scene.rng)
    gap_ms = abs(float(np.median(times_ms[side]) - np.median(times_ms[~side])))
    n = len(side)
    figures = (
        _figure("p_value", p, f"by the {way}, shuffled {SHUFFLES:,} times, two-sided", n),
        _figure("gap_ms", gap_ms, "difference of the sides' median times", n),
    )
    control = Control(
        name="answer-timing, shuffled",
        kind="negative",
        what="The same times, with the answers shuffled, must not be told apart.",
        figure=_figure("p_value", shuffled, "the same, after shuffling the answers", n),
        passed=shuffled > scene.alpha,
        why=f"p = {shuffled:.3g} after shuffling; the declared error is {scene.alpha:g}.",
    )
    told = f"median times are {gap_ms:.3g} ms apart (p = {p:.2g}, declared error {scene.alpha:g})"
    outcome: Outcome
    if not control.passed:
        outcome = "inconclusive"
        why = "The control failed: shuffled answers are told apart, too."
    elif p <= scene.alpha:
        outcome, why = "found", f"The time tells the {way} of {n} rows: {told}."
    else:
        outcome, why = "not found", f"The time does not tell answers apart, {n} rows: {told}."
    return Result(
        outcome=outcome,
        why=why,
        evidence=(evidence_of(last),),
        figures=figures,
        controls=(control,),
    )


def two_sided_p(times: Floats, side: Bools, rng: np.random.Generator) -> float:
    """Return the p-value of "one side's times are longer than the other's", by shuffling.

    >>> side = np.arange(16) < 8
    >>> two_sided_p(np.arange(16.0), side, np.random.default_rng(1)) < 0.001
    True
    """
    one = permutation_auc_p(times[side], times[~side], rng=rng, resamples=SHUFFLES)
    other = permutation_auc_p(times[~side], times[side], rng=rng, resamples=SHUFFLES)
    known = [p for p in (one, other) if p is not None]
    return min(1.0, 2 * min(known)) if known else 1.0


def _cut_short(exchange: Exchange, asked: int) -> Result:
    if exchange.is_limited:
        why = (
            f"A limit spoke after {asked} rows, before there were enough to tell; wait for it with "
            "--wait-s."
        )
    else:
        why = f"A question failed with status {exchange.status} while times were taken."
    return Result(outcome="inconclusive", why=why, evidence=(evidence_of(exchange),))


def _figure(metric: str, value: float, method: str, rows: int) -> Figure:
    return Figure(
        metric=metric,
        estimate=value,
        lower=None,
        upper=None,
        confidence=0.0,
        method=method,
        counts={"rows": float(rows), "repeats": float(ROUNDS)},
    )
