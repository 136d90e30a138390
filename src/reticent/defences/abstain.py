"""Say nothing when unsure."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.core import Answer, BadPolicy, Channel
from reticent.defences._settings import number, refuse_values
from reticent.defences.base import Keyed


@dataclass(frozen=True, slots=True)
class Abstain:
    """Withhold the whole answer, label and scores, where the top score is below `confidence`.

    The confidence is that of the scores that reach this step, so its place in the chain counts;
    a row with no score left counts as unsure. This is the only defence that changes a label.

    Attributes:
        confidence: least top score that is answered, in (0, 1].
    """

    kind: ClassVar[str] = "abstain"
    keyed: ClassVar[bool] = False

    confidence: float

    def __post_init__(self) -> None:
        confidence = number("confidence", self.confidence, low=0, high=1, open_low=True)
        object.__setattr__(self, "confidence", confidence)

    def narrows(self, channels: Channel) -> Channel:
        """Shut LOGITS, which would answer the rows that this step does not."""
        return channels & ~Channel.LOGITS

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the answer with label -1 and NaN scores where the model is unsure.

        Raises: BadPolicy if the model is a regressor or an embedder, or if there are no
            scores to judge by.
        """
        refuse_values(self.kind, answer)
        if answer.scores is None:
            raise BadPolicy(
                "The policy has an abstain step, but no scores reach it.",
                way_out="Put it before hard_label; a model without scores cannot abstain.",
            )
        top = np.where(np.isnan(answer.scores), -np.inf, answer.scores).max(axis=1, initial=-np.inf)
        unsure = top < self.confidence
        return Answer(
            labels=None if answer.labels is None else np.where(unsure, -1, answer.labels),
            scores=np.where(unsure[:, None], np.nan, answer.scores),
        )
