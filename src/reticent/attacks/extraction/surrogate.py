"""Extraction: copy the model by asking it, and say how good the copy is."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_signal import ANSWERS
from reticent.attacks._settings import at_least_one
from reticent.attacks._surrogate import copy_model
from reticent.attacks.base import Knowledge
from reticent.core import (
    Candidates,
    Channel,
    ExtractionClaim,
    Family,
    NotEnoughKnowledge,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurrogateModel:
    """Ask about rows of the population and variations near the boundary; fit a copy.

    The candidates themselves are never asked about: what the copy says of them shows what it
    learnt. A tree, a forest, boosted trees and a linear model compete by cross-validated fidelity.

    Differs from the paper: labels are the lessons even where scores are shown (a copy of the
    decision is what the claim is about), questions start from real rows, and the learner is chosen.

    Attributes:
        queries: most questions; fewer where the query budget ends.
    """

    name: ClassVar[str] = "surrogate"
    family: ClassVar[Family] = Family.EXTRACTION
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"population"})
    cost: ClassVar[str] = "1,000 queries in all; four learners"
    source: ClassVar[str] = (
        "Tramèr et al. 2016, Stealing Machine Learning Models via Prediction APIs, "
        "https://arxiv.org/abs/1609.02943; active questions: Papernot et al. 2017, "
        "https://arxiv.org/abs/1602.02697"
    )

    queries: int = 1000

    def __post_init__(self) -> None:
        at_least_one(queries=self.queries)

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ExtractionClaim:
        """Return the copy's answer to every candidate.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        if knowledge.population is None:
            raise NotEnoughKnowledge(
                f"{self.name} asks about rows of its own and was given none.",
                way_out="Set aside auxiliary rows.",
            )
        copy = copy_model(access, knowledge.population, rng, queries=self.queries, attack=self.name)
        said = copy.answer(candidates.x)
        return ExtractionClaim(
            labels=said.labels,
            values=said.values,
            notes={
                "learner": copy.learner,
                "fidelity": copy.fidelity,
                "held_out": copy.held_out,
                "fidelity_by_learner": {
                    name: round(value, 6) if np.isfinite(value) else None
                    for name, value in copy.by_learner.items()
                },
                "queries": copy.queries,
            },
        )
