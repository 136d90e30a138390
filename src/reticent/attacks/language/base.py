"""The contract of attacks on language models, and what such an adversary owns beforehand."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from reticent.attacks.language._public import PublicText
from reticent.core import Channel
from reticent.core.language import Passage, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TextKnowledge:
    """What the adversary owns beforehand.

    A text that everybody knows is no leak. What a reference model gives back too, or what stands
    in public texts, is taken out of the scores; the uncorrected ones stay beside them.

    Attributes:
        references: language models that never saw the private text; their queries are free.
        public: texts that everybody can read; None if there are none.
    """

    references: Sequence[TextAccess] = ()
    public: PublicText | None = None


class TextAttack(Protocol):
    """Asks, then claims: a frozen dataclass whose fields are its settings.

    Attributes:
        name: as printed and as written in configuration files.
        accepts: the channels it can work through; any one of them is enough, and it makes the
            best of those that are open.
        wants: the fields of `TextKnowledge` that it cannot work without.
        prompted: whether the adversary gives the beginning of each passage. If not, passages are
            whole (membership), or there are none and the claim is about texts the model wrote.
        cost: queries and tokens that it takes, one short line for the shelf.
        source: the paper or the reasoning behind it, with an address where there is one.
    """

    name: ClassVar[str]
    accepts: ClassVar[Channel]
    wants: ClassVar[frozenset[str]]
    prompted: ClassVar[bool]
    cost: ClassVar[str]
    source: ClassVar[str]

    def run(
        self,
        access: TextAccess,
        passages: Sequence[Passage],
        knowledge: TextKnowledge,
        rng: np.random.Generator,
    ) -> TextClaim:
        """Return a claim about every passage, or about every text that was written.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        ...


def settings_of(attack: TextAttack) -> dict[str, Any]:
    """Return an attack's settings as plain data, for the record."""
    return dataclasses.asdict(attack)  # type: ignore[call-overload,no-any-return]  # all are one
