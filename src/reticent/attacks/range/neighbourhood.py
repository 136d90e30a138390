"""Range membership: is somebody like this profile in the training data?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._membership_signal import (
    ANSWERS,
    Kind,
    confidence,
    floor_of,
    outcomes_of,
)
from reticent.attacks._settings import at_least_one
from reticent.attacks.base import Knowledge
from reticent.core import (
    Answer,
    Bools,
    Candidates,
    Channel,
    Column,
    Family,
    Floats,
    Inputs,
    NotEnoughKnowledge,
    RangeClaim,
    repeat,
)

if TYPE_CHECKING:
    import pandas as pd

PRIOR_DEGREES = 4.0  # profiles lend each other so much of the pooled variance
BORROWED = 0.5  # weight of a reference that holds somebody near, once its lift is taken off
SMALLEST_ERROR = 1e-3  # of the median error: an exact answer is sure, not infinitely sure


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeMembership:
    """Ask all around a profile, and compare with models that hold nobody near.

    A profile is a point that no training record need equal. Each question is a copy of it with
    the numbers moved; the confidence in the profile's outcome is compared, question by question,
    with the reference models whose training data hold nobody like the profile (a popular profile
    is answered with confidence by those too, and so gains nothing), and the surest part of the
    differences is averaged.

    Differs from the paper: the paper asks about records of a given range and trims the mean of a
    membership score; here each question is calibrated on its nearest twins first (references that
    do hold somebody near count half, less the lift they show on average), the spread of the score
    is estimated by letting each reference play the target, and text columns stay as they are.

    Attributes:
        questions: copies a profile, the profile itself among them; fewer where the query budget
            ends.
        radius: half-width of the neighbourhood in each number, in its standard deviations.
        keep: share of the questions, the surest, that is averaged, in (0, 1].
    """

    name: ClassVar[str] = "range-membership"
    family: ClassVar[Family] = Family.RANGE
    accepts: ClassVar[Channel] = ANSWERS
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
    cost: ClassVar[str] = "16 queries a profile; reference models trained on random halves"
    source: ClassVar[str] = (
        "Tao and Shokri 2024, Range Membership Inference Attacks, https://arxiv.org/abs/2408.05131"
    )

    questions: int = 16
    radius: float = 0.1
    keep: float = 0.75

    def __post_init__(self) -> None:
        at_least_one(questions=self.questions)
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep is {self.keep}; it must be in (0, 1].")
        if self.radius < 0:
            raise ValueError(f"radius is {self.radius}; it must not be negative.")

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> RangeClaim:
        """Return how much surer than its look-alikes the model is around each profile.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge (fewer than 2 reference models, or no
            outcomes).
        """
        y, references = outcomes_of(candidates, self.name), list(knowledge.references)
        if len(references) < 2:
            raise NotEnoughKnowledge(
                f"{self.name} needs at least 2 reference models and was given {len(references)}.",
                way_out="Train reference models; without them every popular profile looks held.",
            )
        n, left = len(candidates), access.queries_left
        asked = self.questions if left is None else min(self.questions, left // max(n, 1))
        crowd = candidates.x if knowledge.population is None else knowledge.population.x
        x = around(candidates.x, max(asked, 1), crowd, self.radius, rng)
        answers = [access.ask(x), *(r.access.ask(x) for r in references)]
        times = len(x) // max(n, 1)
        sure, kind = _confidences(answers, np.tile(y, times), access)
        sure = sure.reshape(len(answers), times, n)
        contains = np.array([r.contains for r in references], dtype=np.bool_)
        return RangeClaim(
            scores=range_scores(sure[0], sure[1:], contains, keep=self.keep),
            notes={
                "signal": str(kind),
                "questions_a_profile": times,
                "references": len(references),
                "profiles_without_a_twin": int(contains.all(axis=0).sum()),
            },
        )


def range_scores(target: Floats, references: Floats, contains: Bools, *, keep: float) -> Floats:
    """Return (n,) how much surer the target is than references that hold nobody near.

    In units of how far such references differ from each other, so that profiles compare.

    Args:
        target: (k, n) confidences of the target in k questions around each of n profiles.
        references: (m, k, n) the references', m >= 2.
        contains: (m, n) whether somebody like the profile is in the reference's data.
        keep: share of the questions, the surest differences, that is averaged.

    >>> refs = np.zeros((2, 1, 2)) + [[[0.0, 5.0]], [[1.0, 6.0]]]
    >>> range_scores(np.array([[3.5, 5.5]]), refs, np.zeros((2, 2), dtype=bool), keep=1.0).round(2)
    array([3., 0.])
    """
    m = len(references)
    plain = references - _lift(references, contains) * contains[:, None, :]
    weight = np.where(contains, BORROWED, 1.0)
    total, count = (plain * weight[:, None, :]).sum(axis=0), weight.sum(axis=0)
    found = _top_mean(target - total / count, keep)
    # Each reference that holds nobody near plays the target against the others.
    pretend = np.full((m, target.shape[1]), np.nan)
    for j in range(m):
        able = ~contains[j]
        others = (total - plain[j] * weight[j]) / (count - weight[j])
        pretend[j, able] = _top_mean(plain[j] - others, keep)[able]
    known = ~np.isnan(pretend)
    centre = pretend[known].mean() if known.any() else 0.0
    squares = np.where(known, (np.nan_to_num(pretend) - centre) ** 2, 0.0)
    pooled = squares.sum() / max(int(known.sum()), 1)
    if pooled == 0:
        return np.asarray(found - centre)
    variance = (squares.sum(axis=0) + PRIOR_DEGREES * pooled) / (known.sum(axis=0) + PRIOR_DEGREES)
    return np.asarray((found - centre) / np.sqrt(variance))


def _lift(references: Floats, contains: Bools) -> float:
    """Return how much surer references are that hold somebody near, within profiles; 0 if unknown.

    Args:
        references: (m, k, n) confidences.
        contains: (m, n) whether somebody like the profile is in the reference's data.
    """
    inside, outside = contains.sum(axis=0), (~contains).sum(axis=0)
    both = (inside > 0) & (outside > 0)
    if not both.any():
        return 0.0
    mean = references.mean(axis=1)
    held = (mean * contains).sum(axis=0) / np.maximum(inside, 1)
    bare = (mean * ~contains).sum(axis=0) / np.maximum(outside, 1)
    return float((held - bare)[both].mean())


def around(x: Inputs, times: int, crowd: Inputs, radius: float, rng: np.random.Generator) -> Inputs:
    """Return `times` copies of the profiles, the first as they are, the numbers of the rest moved.

    Uniformly within `radius` standard deviations (of `crowd`); whole numbers move by whole steps,
    text not at all. One copy if nothing can move.

    Args:
        x: (n, ...) profiles.
        times: copies.
        crowd: rows whose spread sets the scale.
        radius: in standard deviations.
        rng: moves the numbers.
    """
    if isinstance(x, np.ndarray):
        spread = np.std(np.asarray(crowd, dtype=np.float64), axis=0) * radius
        if times < 2 or not np.any(spread > 0):
            return x
        moved: Floats = (
            repeat(x, times) + rng.uniform(-1, 1, size=(len(x) * times, *x.shape[1:])) * spread
        )
        moved[: len(x)] = x
        return moved
    reach = {name: _reach(x[name], crowd[name], radius) for name in x.columns}  # type: ignore[call-overload]  # a table, as x is
    reach = {name: width for name, width in reach.items() if width > 0}
    if times < 2 or not reach:
        return x
    table = repeat(x, times)
    shifted: dict[str, Column] = {}
    for name, width in reach.items():
        old = table[name].to_numpy()  # type: ignore[call-overload]  # a table, as x is
        shift = rng.uniform(-width, width, size=len(old))
        shift[: len(x)] = 0.0
        whole = old.dtype.kind in "iu"
        shifted[name] = old + np.round(shift).astype(old.dtype) if whole else old + shift
    moved_table: Inputs = table.assign(**shifted)  # type: ignore[union-attr]  # a table, as x is
    return moved_table


def _reach(column: "pd.Series[float]", crowd: "pd.Series[float]", radius: float) -> float:
    if column.dtype.kind not in "iuf":
        return 0.0
    width = radius * float(np.nanstd(crowd.to_numpy(dtype=np.float64)))
    return width if column.dtype.kind == "f" or width >= 1 else 0.0


def _top_mean(differences: Floats, keep: float) -> Floats:
    """Return (n,) the mean of the largest `keep` of each column's (k, n) entries."""
    k = len(differences)
    most = max(1, round(keep * k))
    top: Floats = np.partition(differences, k - most, axis=0)[k - most :].mean(axis=0)
    return top


def _confidences(answers: list[Answer], y: Column, access: Access) -> tuple[Floats, Kind]:
    kind = Kind.LABELS
    if all(a.scores is not None for a in answers):
        kind = Kind.SCORES
    elif all(a.values is not None for a in answers):
        kind = Kind.VALUES
    shown = [a.scores for a in answers if a.scores is not None]
    floor = floor_of(shown, access.policy.to_list()) if kind is Kind.SCORES else 0.0
    sure = np.array([confidence(a, y, kind=kind, floor=floor) for a in answers])
    if kind is Kind.VALUES:  # errors average in nats; one far miss must not drown the rest
        least = SMALLEST_ERROR * max(float(np.median(-sure)), np.finfo(float).tiny)
        sure = -np.log(np.maximum(-sure, least))
    return sure, kind
