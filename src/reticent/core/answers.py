"""What an endpoint says, before or after a policy."""

from dataclasses import dataclass

import numpy as np

from reticent.core.channels import NO_CHANNEL, Channel
from reticent.core.errors import BadAnswer
from reticent.core.types import Column, Floats, Ints

SUM_TOL = 1e-3  # float32 servers and text rounding stay well inside
FEW = 64  # numbers below which a loop over Python floats beats numpy's calls

_LABEL = Channel.LABEL.value
_SCORES = (Channel.SCORES | Channel.TOP_K).value
_VALUE = Channel.VALUE.value
_EMBEDDING = Channel.EMBEDDING.value
_INTERMEDIATE = Channel.INTERMEDIATE.value
_EXPLANATION = Channel.EXPLANATION.value
_ONE = {
    "embeddings": "an embedding",
    "intermediate": "an inner layer's output",
    "explanation": "an explanation",
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answer:
    """Answers to n questions; a field is None when the endpoint does not have it.

    Attributes:
        labels: (n,) class index, -1 where the endpoint abstained.
        scores: (n, k) class probabilities, NaN where an entry is withheld.
        values: (n,) a regressor's output in the target's unit, NaN where withheld.
        embeddings: (n, d) a vector a question, NaN where a coordinate is withheld.
        intermediate: (n, d) what an inner layer said of the question.
        explanation: (n, inputs) a number for each input of the question, or a whole example like
            it, as the endpoint's explainer puts it.
    """

    labels: Ints | None = None
    scores: Floats | None = None
    values: Floats | None = None
    embeddings: Floats | None = None
    intermediate: Floats | None = None
    explanation: Floats | None = None

    def __len__(self) -> int:
        for part in (
            self.labels,
            self.scores,
            self.values,
            self.embeddings,
            self.intermediate,
            self.explanation,
        ):
            if part is not None:
                return len(part)
        return 0

    def only(self, channels: Channel) -> "Answer":
        """Return this answer without the parts that no open channel carries."""
        open_ = channels.value  # plain integers: an endpoint does this for every answer
        if (
            open_ & _LABEL
            and open_ & _SCORES
            and self.values is None
            and self.embeddings is None
            and self.intermediate is None
            and self.explanation is None
        ):
            return self
        labels = self.labels if open_ & _LABEL else None
        scores = self.scores if open_ & _SCORES else None
        values = self.values if open_ & _VALUE else None
        embeddings = self.embeddings if open_ & _EMBEDDING else None
        return Answer(
            labels=labels,
            scores=scores,
            values=values,
            embeddings=embeddings,
            intermediate=self.intermediate if open_ & _INTERMEDIATE else None,
            explanation=self.explanation if open_ & _EXPLANATION else None,
        )

    def take(self, index: Ints) -> "Answer":
        """Return the answers to the questions named by `index`."""
        return Answer(
            labels=None if self.labels is None else self.labels[index],
            scores=None if self.scores is None else self.scores[index],
            values=None if self.values is None else self.values[index],
            embeddings=None if self.embeddings is None else self.embeddings[index],
            intermediate=None if self.intermediate is None else self.intermediate[index],
            explanation=None if self.explanation is None else self.explanation[index],
        )

    @property
    def channels(self) -> Channel:
        """Return the channels that this answer fills (full scores count as TOP_K too)."""
        found = NO_CHANNEL
        if self.labels is not None:
            found |= Channel.LABEL
        if self.scores is not None:
            found |= Channel.SCORES | Channel.TOP_K
        if self.values is not None:
            found |= Channel.VALUE
        if self.embeddings is not None:
            found |= Channel.EMBEDDING
        if self.intermediate is not None:
            found |= Channel.INTERMEDIATE
        if self.explanation is not None:
            found |= Channel.EXPLANATION
        return found


def check_raw(answer: Answer, *, questions: int, model: str) -> Answer:
    """Return a raw model's answer if it is one.

    Raises: BadAnswer for a wrong number of rows or dimensions, NaN, infinite values,
    probabilities outside [0, 1], or rows that do not sum to 1 within `SUM_TOL`.
    """
    parts = (
        ("labels", answer.labels, 1),
        ("scores", answer.scores, 2),
        ("values", answer.values, 1),
        ("embeddings", answer.embeddings, 2),
        ("intermediate", answer.intermediate, 2),
        ("explanation", answer.explanation, 2),
    )
    given = [(name, part, ndim) for name, part, ndim in parts if part is not None]
    if not given:
        raise BadAnswer(
            f"{model} answered nothing to {questions} questions.",
            way_out="Every row needs a label, class probabilities, a value or an embedding.",
        )
    for name, part, ndim in given:
        _check_shape(part, name, ndim, questions, model)
    if answer.values is not None and not np.isfinite(answer.values).all():
        row = int(np.flatnonzero(~np.isfinite(answer.values))[0])
        raise BadAnswer(
            f"{model} answered {answer.values[row]} to row {row}; values must be finite.",
            way_out="Impute or drop the rows that the model cannot answer.",
        )
    for name, part, ndim in given:
        if ndim == 2 and name != "scores" and not np.isfinite(part).all():
            row = int(np.flatnonzero(~np.isfinite(part).all(axis=1))[0])
            raise BadAnswer(
                f"{model} answered row {row} with {_ONE[name]} that is not finite.",
                way_out="Impute or drop the rows that the model cannot answer.",
            )
    if answer.scores is not None:
        _check_probabilities(answer.scores, model)
    return answer


def _check_shape(part: Column, name: str, ndim: int, questions: int, model: str) -> None:
    if part.ndim != ndim or part.dtype.kind not in "biuf":
        raise BadAnswer(
            f"{model} gave {name} of shape {part.shape} and type {part.dtype}; numbers in "
            f"{ndim} dimension{'s' * (ndim > 1)} are needed.",
            way_out="Wrap the model so that it answers each row with a number, with one "
            "probability a class, or with one vector.",
        )
    if len(part) != questions:
        raise BadAnswer(
            f"{model} gave {len(part)} answers to {questions} questions.",
            way_out="One answer a row is needed.",
        )


def _is_few_and_fine(p: Floats) -> bool:
    """Return whether a few scores are plainly probabilities; False is no verdict."""
    return p.size <= FEW and all(
        min(row, default=-1.0) >= 0.0 and max(row) <= 1.0 and abs(sum(row) - 1.0) < SUM_TOL / 2
        for row in p.tolist()
    )


def _check_probabilities(p: Floats, model: str) -> None:
    if _is_few_and_fine(p):
        return
    bad = ~(np.isfinite(p) & (p >= -SUM_TOL) & (p <= 1 + SUM_TOL)).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise BadAnswer(
            f"{model} answered {p[row].tolist()} to row {row}; probabilities must be numbers in "
            "[0, 1].",
            way_out="Wrap the model so that it returns class probabilities, or expose labels only.",
        )
    off = np.abs(p.sum(axis=1) - 1) > SUM_TOL
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise BadAnswer(
            f"{model} answered {p[row].tolist()} to row {row}, which sums to {p[row].sum():.6g}; "
            "probabilities must sum to 1.",
            way_out="Normalise them in the model, or expose labels only.",
        )
