"""The door and the knowledge that an attack on pictures is given."""

from dataclasses import dataclass

from reticent.access import Access
from reticent.attacks import Knowledge
from reticent.audit.images.plan import LEVELS
from reticent.core import Candidates, ImageSpace, Population
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.base import Target


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Setting:
    """A model with all that an adversary is given: the one under audit, or a control's.

    Attributes:
        target: the model.
        space: its pictures.
        population: the adversary's own pictures, as the model takes them.
        candidates: the classes under attack.
        secret: key of the policy's noise.
    """

    target: Target
    space: ImageSpace
    population: Population | None
    candidates: Candidates
    secret: bytes = b""

    def door(self, level: str, policy: Policy, query_budget: int | None) -> Access:
        """Return a door with the channels of one level and a ledger of its own."""
        return Access(
            target=self.target,
            policy=policy,
            ledger=QueryLedger(query_budget),
            identity="adversary",
            exposed=LEVELS[level],
            secret=self.secret,
        )

    @property
    def knowledge(self) -> Knowledge:
        """Return what the adversary owns beforehand."""
        return Knowledge(population=self.population, columns=self.target.columns, images=self.space)
