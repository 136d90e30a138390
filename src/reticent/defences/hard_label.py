"""Answer with the class alone."""

from dataclasses import dataclass
from typing import ClassVar

from reticent.core import Answer, BadPolicy, Channel
from reticent.core.few import Few
from reticent.defences._settings import refuse_values
from reticent.defences.base import Keyed


@dataclass(frozen=True, slots=True)
class HardLabel:
    """Drop every score; the model's label is all that is left."""

    kind: ClassVar[str] = "hard_label"
    keyed: ClassVar[bool] = False

    def narrows(self, channels: Channel) -> Channel:
        """Leave LABEL, written words (each is a label), and TIMING, which no answer can shut."""
        return channels & (Channel.LABEL | Channel.TOKENS | Channel.TIMING)

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the labels alone.

        Raises: BadPolicy if the model is a regressor or an embedder or gives no labels.
        """
        refuse_values(self.kind, answer)
        if answer.labels is None:
            raise BadPolicy(
                "The policy has a hard_label step, but the model gives no labels.",
                way_out="Wrap the model so that it answers with labels, or leave the step out.",
            )
        return Answer(labels=answer.labels)

    def apply_few(self, few: Few) -> Few | None:
        """Return what `apply` does, of a few."""
        return None if few.labels is None else Few(few.labels, None)
