"""The contract every attack obeys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from reticent.access import Access
from reticent.core import (
    Bools,
    Candidates,
    Channel,
    Claim,
    Domain,
    Family,
    ImageSpace,
    Population,
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Reference:
    """A model that the adversary trained alike, seen through a copy of the target's policy.

    Attributes:
        access: the door to it; its queries are the adversary's own and cost no budget.
        contains: (n,) which of the candidates under test it was trained on (all False for an
            offline reference). The adversary drew this mask; it says nothing of the target.
    """

    access: Access
    contains: Bools


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shadow:
    """A model that the adversary trained on records of its own, whose every column it knows.

    Attributes:
        access: the door to it, through a copy of the target's policy.
        population: the adversary's records.
        contains: (n,) which of them the model was trained on.
    """

    access: Access
    population: Population
    contains: Bools


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Knowledge:
    """What the adversary owns beforehand.

    Attributes:
        population: records from the same population with every column known, none of them a
            candidate; None if there are none.
        references: models for membership attacks; see `Reference`.
        shadows: models for attribute attacks; see `Shadow`.
        domains: column -> the values it can take, for every input column that may be hidden.
        columns: the model's input columns in order; empty if it takes plain arrays.
        images: what the model's pictures look like; None if it takes no pictures. `population.x`
            holds pictures of people who are not under attack then, in the model's units.
        template: how the texts behind vectors were made, with a {slot} for every hole; `domains`
            has what each slot can be filled with. "" if it is not known. `population.x` holds
            texts of the adversary's own where vectors are under attack.
    """

    population: Population | None = None
    references: Sequence[Reference] = ()
    shadows: Sequence[Shadow] = ()
    domains: Mapping[str, Domain] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    images: ImageSpace | None = None
    template: str = ""


class Attack(Protocol):
    """Asks, then claims: a frozen dataclass whose fields are its settings.

    Attributes:
        name: as printed and as written in configuration files.
        family: what it is after; decides the type of its claim.
        accepts: the channels it can work through; any one of them is enough, and it makes the
            best of those that are open.
        wants: the fields of `Knowledge` that it cannot work without.
        cost: queries and training that it takes, one short line for the shelf.
        source: the paper or the reasoning behind it, with an address where there is one.
    """

    name: ClassVar[str]
    family: ClassVar[Family]
    accepts: ClassVar[Channel]
    wants: ClassVar[frozenset[str]]
    cost: ClassVar[str]
    source: ClassVar[str]

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> Claim:
        """Return a claim about every candidate.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        ...


def settings_of(attack: Attack) -> dict[str, Any]:
    """Return an attack's settings as plain data, for the record."""
    import dataclasses

    return dataclasses.asdict(attack)  # type: ignore[call-overload,no-any-return]
