"""Confidence-score attack: the value under which the model is right, and surest of it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._beliefs import claim
from reticent.attacks._complete import ask_jointly, marginals, puzzle
from reticent.attacks._encode import log_normalise
from reticent.attacks.attribute._cases import log_frequencies, reference
from reticent.attacks.attribute._evidence import shown_of_class
from reticent.attacks.base import Knowledge
from reticent.core import (
    AttributeClaim,
    Bools,
    Candidates,
    Channel,
    Family,
    Floats,
    NotExposed,
)

DECISIVE = (
    60.0  # nats a unit of preference: the order of preferences decides, the prior breaks ties
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Csmia:
    """CSMIA: if one value alone makes the model right, that one.

    If several do, the one it is surest with; if none does, the one it is least sure with. The
    outcome is what right is measured against; where it was not seen, the label that was observed
    on the true record stands in. Uses no auxiliary records but the values' frequencies, which
    break ties.

    Differs from the paper: several values and several hidden columns are allowed; withheld
    scores count as half of the most they could be.

    Attributes:
        max_completions: most combinations of values a record that are tried.
    """

    name: ClassVar[str] = "csmia"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = Channel.SCORES | Channel.TOP_K
    wants: ClassVar[frozenset[str]] = frozenset({"domains"})
    cost: ClassVar[str] = "one query per candidate and value"
    source: ClassVar[str] = (
        "Mehnaz et al., 'Are Your Sensitive Attributes Private?', USENIX Security 2022, "
        "https://arxiv.org/abs/2201.09370"
    )

    max_completions: int = 512

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> AttributeClaim:
        """Return a guess per candidate; its confidence follows the paper's three cases."""
        holes = puzzle(candidates, knowledge, attack=self.name)
        y = reference(candidates, attack=self.name)
        if not self.accepts & access.channels:
            raise NotExposed(
                f"{self.name} compares confidences, and none are shown.",
                way_out="Use the label-only attack lomia.",
            )
        answers = ask_jointly(access, holes, most=self.max_completions, attack=self.name)
        if answers.scores is None:
            raise NotExposed(f"{self.name} got answers without scores.")
        own = shown_of_class(answers.scores, y)
        known = np.where(np.isfinite(answers.scores), answers.scores, -np.inf)
        top = known.max(axis=2)
        right = np.isfinite(own) & (own >= top)
        liked = preference(right, np.where(np.isfinite(top), top, 0.0))
        liked[~answers.asked] = 0.0
        log_p = log_frequencies(holes, knowledge, rng)
        found = log_normalise(DECISIVE * liked + log_p)
        made = claim(
            holes,
            marginals(found, holes.sizes),
            {"only_one_right": int((right.sum(axis=1) == 1).sum())},
        )
        confidence = np.where(answers.asked, case_confidence(right, liked), 0.0)
        return AttributeClaim(guesses=made.guesses, confidence=confidence, notes=made.notes)


def preference(right: Bools, sureness: Floats) -> Floats:
    """Return (n, k) numbers whose order is the paper's rule.

    >>> right = np.array([[True, False], [True, True], [False, False]])
    >>> preference(right, np.array([[0.6, 0.9], [0.6, 0.9], [0.6, 0.9]])).argmax(axis=1).tolist()
    [0, 1, 0]
    """
    return np.where(right, 1.0 + sureness, -sureness)


def case_confidence(right: Bools, liked: Floats) -> Floats:
    """Return (n,) how sure the rule is: exactly one right above several, several above none.

    Within a case, by the lead of the best value over the next.
    """
    count = right.sum(axis=1)
    case = np.where(count == 1, 2.0, np.where(count > 1, 1.0, 0.0))
    ordered = np.sort(liked, axis=1)
    lead = ordered[:, -1] - ordered[:, -2] if liked.shape[1] > 1 else np.ones(len(liked))
    return np.asarray((case + np.clip(lead / 2, 0.0, 1.0)) / 3, dtype=np.float64)
