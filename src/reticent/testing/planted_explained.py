"""Audits whose right answer is known: what explanations of answers give away."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reticent.core import Answer, Channel, Floats, Inputs
from reticent.targets.base import Target
from reticent.testing.planted import Planted


def explained(planted: Planted) -> Planted:
    """Return the same audit of a linear classifier whose endpoint shows saliencies besides."""
    return replace(planted, access=replace(planted.access, target=_Salient(planted.access.target)))


@dataclass(frozen=True, slots=True, eq=False)
class _Salient:
    """A linear classifier that shows the gradient of the answered class's logit."""

    model: Target

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def channels(self) -> Channel:
        return self.model.channels | Channel.EXPLANATION

    @property
    def classes(self) -> tuple[object, ...]:
        return self.model.classes

    @property
    def columns(self) -> tuple[str, ...]:
        return self.model.columns

    def answer(self, x: Inputs) -> Answer:
        plain = self.model.answer(x)
        linear: Any = self.model.weights()
        slopes: Floats = np.asarray(linear.coef_)
        return replace(plain, explanation=slopes[np.asarray(plain.labels)])

    def weights(self) -> object:
        return self.model.weights()
