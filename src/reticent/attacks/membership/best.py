"""The adaptive attack: try every score on models whose members are known, then use the best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_bayes import eb_lira
from reticent.attacks._membership_learned import learned
from reticent.attacks._membership_scores import lira_offline, lira_online, rmia
from reticent.attacks._membership_signal import ANSWERS, Signals, observe
from reticent.attacks.base import Knowledge
from reticent.core import Bools, Candidates, Channel, Family, Floats, MembershipClaim

Score = Callable[[Signals], Floats]

LEARNED = "learned"
FEWEST_TO_LEARN = 2000  # rows a fold is trained on
FALSE_POSITIVES = 5  # fewer tell one score from another by luck alone
DEEPER = (1.0, 3.0, 10.0)  # times the wanted rate: one threshold alone is a shaky judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """Choose the score that finds most members of the reference models, and claim with it.

    Each reference model in turn plays the audited one, scored with the others; its members are
    the adversary's own knowledge, so nothing is learnt of the target. The contenders are loss,
    LiRA (per candidate, fixed variance), RMIA, empirical-Bayes LiRA, and a score learnt from
    the pseudo-targets, in which no candidate is scored by what was learnt from it.

    With offline references there is no pseudo-member to choose by: RMIA where there is a
    population, else empirical-Bayes LiRA.

    Attributes:
        fpr: the false-positive rate that the choice is made for, in (0, 1).
        population: the most population records to ask about; each costs a query.
        folds: groups of candidates for learning a score; 0 leaves it out.
    """

    name: ClassVar[str] = "best"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
    cost: ClassVar[str] = "1 query a candidate and a population record; from 3 reference models"
    source: ClassVar[str] = (
        "own: reference models as pseudo-targets, over LiRA (https://arxiv.org/abs/2112.03570), "
        "RMIA (https://arxiv.org/abs/2312.03262) and a learnt score"
    )

    fpr: float = 0.001
    population: int = 2000
    folds: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.fpr < 1:
            raise ValueError(f"fpr is {self.fpr}; it must be in (0, 1).")
        if self.population < 0:
            raise ValueError(f"population is {self.population}; it must be 0 or more.")
        if self.folds < 0 or self.folds == 1:
            raise ValueError(f"folds is {self.folds}; it must be 0, or 2 or more.")

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return the chosen score of each candidate; the notes say which and by what margin.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (fewer than 3 reference models).
        """
        seen = observe(
            access,
            candidates,
            knowledge,
            rng,
            attack=self.name,
            references=3,
            z=self.population,
        )
        name, scores, judged = choose(
            seen, fpr=self.fpr, folds=self.folds, seed=int(rng.integers(2**31 - 1))
        )
        return MembershipClaim(
            scores=scores,
            notes={
                "score": name,
                "signal": str(seen.kind),
                "references": len(seen.references),
                "tpr_on_pseudo_targets": {k: round(v, 5) for k, v in judged.items()},
            },
        )


def contenders(s: Signals) -> dict[str, Score]:
    """Return the ready-made scores that these signals allow."""
    scores: dict[str, Score] = {
        "eb-lira": eb_lira,
        "lira-fixed-variance": lambda case: lira_online(case, fixed_variance=True),
        "lira-offline": lira_offline,
        "lira-online": lira_online,
        "loss": lambda case: case.target,
    }
    return {**scores, "rmia": rmia} if len(s.target_z) else scores


def choose(
    s: Signals, *, fpr: float, folds: int, seed: int
) -> tuple[str, Floats, dict[str, float]]:
    """Return the best score's name, the candidates' scores, and what each score reached.

    Scores are `rarity` among the pseudo-targets' strangers, so that they mean the same whichever
    was chosen; with offline references alone they are the score's own.
    """
    ready = contenders(s)
    if not s.contains.any():
        name = "rmia" if "rmia" in ready else "eb-lira"
        return name, ready[name](s), {}
    m = len(s.references)
    cases = [s.pretend(j) for j in range(m)]
    members = [s.contains[j] for j in range(m)]
    tried = {name: ([score(c) for c in cases], score(s)) for name, score in ready.items()}
    if folds and s.contains.size * (1 - 1 / folds) >= FEWEST_TO_LEARN:
        tried[LEARNED] = learned(s, cases, folds=folds, seed=seed)
    judged = {name: depth_of(on_cases, members, fpr=fpr) for name, (on_cases, _) in tried.items()}
    name = max(sorted(judged), key=lambda key: judged[key])
    on_cases, scores = tried[name]
    strangers = np.concatenate([t[~c] for t, c in zip(on_cases, members, strict=True)])
    return name, rarity(scores, strangers), judged


def rarity(scores: Floats, strangers: Floats) -> Floats:
    """Return -log10 of the share of `strangers` at or above each score, (n,).

    The score itself counts as one of them, so that no share is 0. Between two strangers it is
    interpolated and beyond the rarest it goes on growing, without
    end but ever more slowly: a strictly increasing function of the score.

    >>> rarity(np.array([0.0, 1.0]), np.arange(9.0)).round(3)
    array([0.   , 0.046])
    """
    known = np.unique(strangers)
    share = 1 - np.searchsorted(np.sort(strangers), known, side="left") / (len(strangers) + 1)
    height = -np.log10(share)
    if len(known) < 2:
        above_all: Floats = np.sign(scores - known.sum())
        return above_all
    width = known[-1] - known[0]
    inner = np.interp(scores, known, height)
    above = np.maximum(scores - known[-1], 0) / width
    below = np.maximum(known[0] - scores, 0) / width
    result: Floats = inner + np.log1p(above) - np.log1p(below)
    return result


def depth_of(scores: Sequence[Floats], members: Sequence[Bools], *, fpr: float) -> float:
    """Return the mean true-positive rate at `fpr` and a few higher rates, weighted by 1 / rate.

    All cases are pooled.

    Args:
        scores: (n,) for each case.
        members: (n,) for each case.
        fpr: the wanted rate; no lower than `FALSE_POSITIVES` false positives allow.
    """
    s, is_member = np.concatenate(scores), np.concatenate(members)
    strangers = np.sort(s[~is_member])[::-1]
    if len(strangers) == 0 or not is_member.any():
        return 0.0
    allowed = [
        min(max(int(fpr * k * len(strangers)), FALSE_POSITIVES), len(strangers) - 1) for k in DEEPER
    ]
    # A tie at the threshold is no detection.
    rates = [float((s[is_member] > strangers[i]).mean()) for i in allowed]
    return float(np.average(rates, weights=[1 / (i + 1) for i in allowed]))
