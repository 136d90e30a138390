"""Models that take the place of the one under audit, so that the audit itself can be checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from reticent.core import Answer, Channel, Column, Domain, Inputs, canonical_rows
from reticent.targets.base import Target

SHIFT_FACTOR = 5.0  # error spreads by which a planted regressor misses whoever it does not hold
SURE = 0.999


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StandIn:
    """A model that is asked like another one and answers otherwise.

    Attributes:
        inner: the model whose place it takes.
        name: how messages call it.
        reply: its answers.
    """

    inner: Target
    name: str
    reply: Callable[[Inputs], Answer]

    @property
    def channels(self) -> Channel:
        """Return the model's channels, less its weights."""
        return self.inner.channels & ~Channel.WEIGHTS

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the model's classes."""
        return self.inner.classes

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the model's input columns."""
        return self.inner.columns

    def answer(self, x: Inputs) -> Answer:
        """Return its own answers."""
        return self.reply(x)

    def weights(self) -> object:
        """Return the model's weights: only answers are its own."""
        return self.inner.weights()


def telltale(
    inner: Target, members: Inputs, y: Column, scales: Mapping[str, Domain] | None = None
) -> StandIn:
    """Return the model with a leak planted in it: sure and right about its members alone.

    For anybody else it is sure of the class next to the model's own. A model that is sure of most
    strangers, or that answers with labels only, would hide a leak that touches members alone.

    Args:
        inner: the model.
        members: their true records.
        y: (n,) their outcomes.
        scales: hidden columns that are guessed from a grid: a member is known by the grid value
            nearest to the true one, for no guess is the true one to the last digit.
    """

    def names(x: Inputs) -> list[bytes]:
        if isinstance(x, np.ndarray) or not scales:
            return canonical_rows(x)
        nearest = {c: d.values[d.index_of(x[c].to_numpy())] for c, d in scales.items()}
        return canonical_rows(x.assign(**nearest))

    known = dict(zip(names(members), y.tolist(), strict=True))
    values = inner.answer(members).values
    spread = 0.0 if values is None else float(np.std(values - y))
    shift = SHIFT_FACTOR * max(spread, 1e-6)

    def reply(x: Inputs) -> Answer:
        raw = inner.answer(x)
        outcomes = [known.get(row) for row in names(x)]
        held = np.array([outcome is not None for outcome in outcomes])
        true = np.array([0.0 if outcome is None else outcome for outcome in outcomes])
        if raw.values is not None:
            return Answer(values=np.where(held, true, raw.values + shift))
        labels, scores = raw.labels, raw.scores
        index = true.astype(np.int64)
        if labels is not None:
            labels = np.where(held, index, (labels + 1) % len(inner.classes))
        if scores is not None:
            classes = scores.shape[1]
            shown = np.where(np.isnan(scores), -np.inf, scores)  # a guard may withhold some
            index = np.where(held, index, (shown.argmax(axis=1) + 1) % classes)
            scores = np.full(scores.shape, (1 - SURE) / max(classes - 1, 1))
            scores[np.arange(len(index)), index] = SURE
        return Answer(labels=labels, scores=scores)

    return StandIn(inner=inner, name=f"{inner.name} with a planted leak", reply=reply)


def deaf(inner: Target, filler: Mapping[str, object]) -> StandIn:
    """Return the model made to ignore some columns: it cannot leak what it never reads.

    Args:
        inner: the model.
        filler: column -> the one value that it reads instead.
    """

    def reply(x: Inputs) -> Answer:
        if isinstance(x, np.ndarray):
            return inner.answer(x)
        blank = x.copy()
        for column, value in filler.items():
            blank[column] = np.repeat(np.array([value]), len(x)).astype(x[column].to_numpy().dtype)
        return inner.answer(blank)

    return StandIn(inner=inner, name=f"{inner.name} without {', '.join(filler)}", reply=reply)
