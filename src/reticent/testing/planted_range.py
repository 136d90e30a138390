"""Audits whose right answer is known: is somebody like this in there?"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import ndtri
from scipy.stats import norm

from reticent.attacks.base import Knowledge, Reference
from reticent.audit.truth import Truth
from reticent.core import (
    Answer,
    Bools,
    Candidates,
    Channel,
    Column,
    Floats,
    Inputs,
    NotExposed,
    Population,
    canonical_rows,
    check_raw,
)
from reticent.defences import Keyed
from reticent.policy import Policy
from reticent.testing.planted import REFERENCE_SECRET, Planted, door, inputs_of, scores_of

OWN_STD_NATS, QUESTION_STD_NATS = 0.5, 2.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Neighbourly:
    """A model that is surer around profiles that somebody in its training data fits.

    Every question has noise of its own besides, so a single one says little.

    Attributes:
        profiles: (n, d) centres; every question belongs to the nearest one.
        y: (n,) class of each profile.
        lift: (n,) nats.
    """

    name: str
    y: Column
    lift: Floats
    tree: cKDTree
    classes: tuple[object, ...] = (0, 1)
    columns: tuple[str, ...] = ()

    @property
    def channels(self) -> Channel:
        """Return VALUE for a regressor, else what a classifier offers."""
        if not self.classes:
            return Channel.VALUE
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES

    def answer(self, x: Inputs) -> Answer:
        """Return the answer of each row's nearest profile, plus the row's own noise."""
        rows = np.asarray(x, dtype=np.float64)
        nearest = self.tree.query(rows)[1]
        keys = canonical_rows(rows)
        own = ndtri(Keyed(self.name.encode(), lambda: keys).uniforms(1)[:, 0])
        if not self.classes:
            values = self.y[nearest] + np.exp(-self.lift[nearest]) * own
            return check_raw(Answer(values=values), questions=len(rows), model=self.name)
        margin = self.lift[nearest] + QUESTION_STD_NATS * own
        scores = scores_of(margin, self.y[nearest], len(self.classes))
        answer = Answer(labels=scores.argmax(axis=1), scores=scores)
        return check_raw(answer, questions=len(rows), model=self.name)

    def weights(self) -> object:
        """Refuse: there is no fitted model."""
        raise NotExposed(f"{self.name} is a formula; it has no weights to hand out.")


def plant_range(
    *,
    shift_nats: float,
    seed: int,
    policy: Policy | None = None,
    n: int = 400,
    m: int = 8,
    n_population: int = 800,
    dimensions: int = 8,
    table: bool = False,
    regression: bool = False,
) -> Planted:
    """Plant a model that is surer by `shift_nats` all around a profile that somebody fits.

    The log-odds of a profile's own class are log(1 + population rows nearest to it), its
    popularity, the trap that every model falls in alike, + N(0, OWN_STD_NATS) of the model's own +
    `shift_nats` if somebody in the training data fits + N(0, QUESTION_STD_NATS) of the question.

    A regressor misses a profile's outcome by a standard normal of the question times the
    exponential of minus the rest.

    Args: as `plant_membership`; reference models hold somebody like a random half of the profiles.

    Returns: the audit; `known` has, for a classifier, single_auc (one question a profile,
        popularity known), sixteen_auc (the mean of sixteen) and best_auc (of any number).
    """
    rng = np.random.default_rng(seed)
    policy = policy or Policy()
    columns = tuple(f"x{j}" for j in range(dimensions)) if table else ()
    profiles = rng.normal(size=(n, dimensions))
    crowd = rng.normal(size=(n_population, dimensions))
    tree = cKDTree(profiles)
    nearest = tree.query(crowd)[1]
    popularity = np.log1p(np.bincount(nearest, minlength=n))
    y: Column = rng.normal(size=n) if regression else rng.integers(2, size=n)
    is_member = rng.random(n) < 0.5

    def model(name: str, contains: Bools) -> Neighbourly:
        own = rng.normal(size=n) * OWN_STD_NATS
        lift = popularity - popularity.mean() + own + np.where(contains, shift_nats, 0.0)
        classes = () if regression else (0, 1)
        return Neighbourly(name=name, y=y, lift=lift, tree=tree, classes=classes, columns=columns)

    def reference(i: int) -> Reference:
        contains = rng.random(n) < 0.5
        twin = model(f"reference-{i}", contains)
        access = door(twin, policy, identity=twin.name, secret=REFERENCE_SECRET)
        return Reference(access=access, contains=contains)

    def auc(questions: float) -> float:
        variance = OWN_STD_NATS**2 + QUESTION_STD_NATS**2 / questions
        return float(norm.cdf(shift_nats / np.sqrt(2 * variance)))

    return Planted(
        access=door(model("planted model", is_member), policy),
        candidates=Candidates(x=inputs_of(profiles, columns), y=y),
        knowledge=Knowledge(
            population=Population(x=inputs_of(crowd, columns), y=y[nearest]),
            references=[reference(i) for i in range(m)],
            columns=columns,
        ),
        truth=Truth(is_member=is_member, y=y),
        known={}
        if regression
        else {"single_auc": auc(1), "sixteen_auc": auc(16), "best_auc": auc(np.inf)},
    )
