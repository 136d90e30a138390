"""Quantile regression: how sure would the model be of a stranger like this one?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_features import Coding, with_outcome
from reticent.attacks._membership_signal import ANSWERS, Kind, confidence, floor_of, outcomes_of
from reticent.attacks.base import Knowledge
from reticent.core import (
    Candidates,
    Channel,
    Family,
    Floats,
    MembershipClaim,
    NotEnoughKnowledge,
    take,
)

FEWEST = 40  # records; two quantiles of fewer say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """Learn the quantiles of the confidence on strangers; score how far a candidate is beyond.

    No reference models: the population's records, which the model was not trained on, teach what
    confidence is to be expected of an input and its outcome.

    Attributes:
        population: the most population records to ask about; each costs a query.
        level: the upper quantile, in (0.5, 1); with the median it sets the scale.

    Differs from the paper: two boosted-tree quantiles give a location and a scale, so that one fit
    ranks for every false-positive rate in place of one fit a rate.
    """

    name: ClassVar[str] = "quantile"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"population"})
    cost: ClassVar[str] = "1 query a candidate and a population record; no reference models"
    source: ClassVar[str] = (
        "Bertran et al. 2023, Scalable Membership Inference Attacks via Quantile Regression, "
        "https://arxiv.org/abs/2307.03694"
    )

    population: int = 2000
    level: float = 0.9

    def __post_init__(self) -> None:
        if self.population < FEWEST:
            raise ValueError(f"population is {self.population}; it must be {FEWEST} or more.")
        if not 0.5 < self.level < 1:
            raise ValueError(f"level is {self.level}; it must be in (0.5, 1).")

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return how many scales each confidence lies above its expected median.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (no outcomes, or too few population
            records within the query budget).
        """
        y = outcomes_of(candidates, self.name)
        people = knowledge.population
        left = access.queries_left
        affordable = self.population if left is None else min(self.population, left - len(y))
        z = min(affordable, 0 if people is None else len(people))
        if people is None or z < FEWEST:
            raise NotEnoughKnowledge(
                f"{self.name} learns from at least {FEWEST} population records and can ask about "
                f"{max(z, 0)}.",
                way_out="Set aside more auxiliary rows, or raise query_budget.",
            )
        chosen = np.sort(rng.permutation(len(people))[:z])
        zx, zy = take(people.x, chosen), people.y[chosen]
        on_x, on_z = access.ask(candidates.x), access.ask(zx)
        kind = _kind(on_x.scores is not None, on_x.values is not None)
        shown = [s for s in (on_x.scores, on_z.scores) if s is not None]
        floor = floor_of(shown, access.policy.to_list())
        coding = Coding.of(people.x)
        classes = len(access.classes)
        scores = beyond(
            with_outcome(coding.numbers(candidates.x), y, classes),
            confidence(on_x, y, kind=kind, floor=floor),
            with_outcome(coding.numbers(zx), zy, classes),
            confidence(on_z, zy, kind=kind, floor=floor),
            level=self.level,
            seed=int(rng.integers(2**31 - 1)),
        )
        return MembershipClaim(scores=scores, notes={"signal": str(kind), "population": z})


def beyond(
    x: Floats, sure: Floats, zx: Floats, sure_z: Floats, *, level: float, seed: int
) -> Floats:
    """Return (sure - median(x)) / (quantile(x) - median(x)), (n,).

    Args:
        x: (n, d) features of the candidates.
        sure: (n,) confidence on them.
        zx: (z, d) features of non-members.
        sure_z: (z,) confidence on them.
        level: the upper quantile.
        seed: of the boosting.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    def fit(q: float) -> Floats:
        model = HistGradientBoostingRegressor(
            loss="quantile",
            quantile=q,
            max_iter=60,
            learning_rate=0.1,
            max_leaf_nodes=8,
            early_stopping=False,
            random_state=seed,
        )
        predicted: Floats = model.fit(zx, sure_z).predict(x)
        return predicted

    middle, upper = fit(0.5), fit(level)
    spread = float(np.quantile(sure_z, level) - np.median(sure_z))
    # Crossing or equal quantiles must not make a hair's breadth count as surprise.
    scale = np.maximum(upper - middle, max(0.1 * spread, 1e-6))
    return (sure - middle) / scale


def _kind(scores: bool, values: bool) -> Kind:
    if scores:
        return Kind.SCORES
    return Kind.VALUES if values else Kind.LABELS
