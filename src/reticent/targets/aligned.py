"""A model whose classes are put into another model's order."""

from dataclasses import dataclass, field

import numpy as np

from reticent.core import Answer, BadInput, Channel, Floats, Inputs, Ints
from reticent.targets.base import Target


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Answers in the order of `classes`; a class that the model never met gets probability 0.

    A reference model trained on a sample may have missed a rare class.

    Attributes:
        inner: the model.
        classes: the wanted order; must hold every class of the model.
    """

    inner: Target
    classes: tuple[object, ...]
    _place: Ints = field(init=False)

    def __post_init__(self) -> None:
        wanted = {str(value): i for i, value in enumerate(self.classes)}
        unknown = [value for value in self.inner.classes if str(value) not in wanted]
        if unknown:
            raise BadInput(
                f"{self.inner.name} answers with class {unknown[0]!r}; the classes are "
                f"{list(map(str, self.classes))}.",
                way_out="Train it on the same outcome column.",
            )
        place = np.array([wanted[str(value)] for value in self.inner.classes], dtype=np.int64)
        object.__setattr__(self, "_place", place)

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.inner.name

    @property
    def channels(self) -> Channel:
        """Return the model's channels."""
        return self.inner.channels

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the model's input columns."""
        return self.inner.columns

    def answer(self, x: Inputs) -> Answer:
        """Return the model's answer with labels and scores in the wanted order."""
        raw = self.inner.answer(x)
        scores: Floats | None = None
        if raw.scores is not None:
            scores = np.zeros((len(raw.scores), len(self.classes)))
            scores[:, self._place] = raw.scores
        labels = None if raw.labels is None else self._place[raw.labels]
        return Answer(labels=labels, scores=scores, values=raw.values)

    def weights(self) -> object:
        """Return the fitted model itself."""
        return self.inner.weights()


def aligned(target: Target, classes: tuple[object, ...]) -> Target:
    """Return the target itself if its classes are already in this order."""
    if not classes or tuple(map(str, target.classes)) == tuple(map(str, classes)):
        return target
    return Aligned(target, classes)
