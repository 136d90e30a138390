"""The door and the knowledge that an attack on pictures is given."""

from dataclasses import dataclass, replace

from reticent.access import Access
from reticent.attacks import Knowledge
from reticent.audit.images.plan import LEVELS, told_of
from reticent.core import Answer, Candidates, Floats, ImageSpace, Population
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
        victims: (m, ...) inputs of which the adversary has seen a vector or an inner layer's
            output; None if of nothing.
        drawn: what it has seen instead, for a control.
    """

    target: Target
    space: ImageSpace
    population: Population | None
    candidates: Candidates
    secret: bytes = b""
    victims: Floats | None = None
    drawn: Answer | None = None

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

    def wanted(self, level: str, policy: Policy) -> Candidates:
        """Return what the adversary is told of the people at one level.

        The class of each; and where it works on what was seen of a photo of theirs, the vector or
        the inner layer's output, as they got out through the policy.
        """
        told = told_of(level, self.target.channels)
        if self.victims is None or not told:
            return self.candidates
        raw = self.target.answer(self.victims) if self.drawn is None else self.drawn
        offered = told & (self.target.channels if self.drawn is None else raw.channels)
        shown = policy.apply(raw, self.victims, secret=self.secret).only(policy.exposes(offered))
        seen = Answer(embeddings=shown.embeddings, intermediate=shown.intermediate)
        return replace(self.candidates, observed=seen) if len(seen) else self.candidates

    @property
    def knowledge(self) -> Knowledge:
        """Return what the adversary owns beforehand."""
        return Knowledge(population=self.population, columns=self.target.columns, images=self.space)
