"""Audits whose right answer is known: membership."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.integrate import quad
from scipy.spatial import cKDTree
from scipy.stats import norm

from reticent.access import QUERIED, Access
from reticent.attacks.base import Knowledge, Reference
from reticent.audit.truth import Truth
from reticent.core import (
    Answer,
    Bools,
    Candidates,
    Channel,
    Column,
    Domain,
    Floats,
    Inputs,
    NotExposed,
    Population,
    check_raw,
)
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.base import Target

ATTACKER = "attack"
TARGET_SECRET, REFERENCE_SECRET = b"planted-target", b"planted-reference"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Planted:
    """A ready-made audit whose right answer is known.

    Attributes:
        access: the door to the target.
        candidates: who is under test.
        knowledge: what the adversary owns.
        truth: what only the auditor knows.
        known: exact figures of the planted leak, by name; each `plant_*` lists its own.
    """

    access: Access
    candidates: Candidates
    knowledge: Knowledge
    truth: Truth
    known: Mapping[str, float] = field(default_factory=dict)

    def through(self, *, exposed: Channel, query_budget: int | None = None) -> "Planted":
        """Return the same audit with other open channels, a fresh ledger and a query budget.

        The reference and shadow models are seen through the same channels.
        """
        knowledge = replace(
            self.knowledge,
            references=[
                replace(r, access=replace(r.access, exposed=exposed))
                for r in self.knowledge.references
            ],
            shadows=[
                replace(s, access=replace(s.access, exposed=exposed))
                for s in self.knowledge.shadows
            ],
        )
        access = replace(self.access, exposed=exposed, ledger=QueryLedger(query_budget))
        return replace(self, access=access, knowledge=knowledge)


def door(
    target: Target,
    policy: Policy,
    *,
    identity: str = ATTACKER,
    secret: bytes = TARGET_SECRET,
    exposed: Channel = QUERIED,
    query_budget: int | None = None,
) -> Access:
    """Return a door to `target` with a ledger of its own."""
    return Access(
        target=target,
        policy=policy,
        ledger=QueryLedger(query_budget),
        identity=identity,
        exposed=exposed,
        secret=secret,
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Remembering:
    """A model that answers like the anchor nearest to the question; it remembers by `lift`.

    A classifier's log-odds of the anchor's outcome are x @ direction + lift; a regressor misses
    the anchor's outcome by exp(x @ direction) * miss.

    Attributes:
        anchors: (a, d) points that the plane is shared out between.
        y: (a,) class index, or outcome if `miss` is given.
        lift: (a,) nats; unused by a regressor.
        direction: (d,) how hard a question is.
        miss: (a,) signed, in the outcome's unit, or None for a classifier.
    """

    name: str
    anchors: Floats
    y: Column
    lift: Floats
    direction: Floats
    tree: cKDTree
    classes: tuple[object, ...] = ()
    columns: tuple[str, ...] = ()
    miss: Floats | None = None

    @property
    def channels(self) -> Channel:
        """Return VALUE for a regressor, else what a classifier offers."""
        if self.miss is not None:
            return Channel.VALUE
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES

    def answer(self, x: Inputs) -> Answer:
        """Return the answer of each row's nearest anchor, moved by the row's own difficulty."""
        rows = np.asarray(x, dtype=np.float64)
        nearest = self.tree.query(rows)[1]
        ease = rows @ self.direction
        if self.miss is not None:
            values = self.y[nearest] + np.exp(ease) * self.miss[nearest]
            return check_raw(Answer(values=values), questions=len(rows), model=self.name)
        scores = scores_of(ease + self.lift[nearest], self.y[nearest], len(self.classes))
        answer = Answer(labels=scores.argmax(axis=1), scores=scores)
        return check_raw(answer, questions=len(rows), model=self.name)

    def weights(self) -> object:
        """Refuse: there is no fitted model."""
        raise NotExposed(f"{self.name} is a formula; it has no weights to hand out.")


def scores_of(margin: Floats, y: Column, k: int) -> Floats:
    """Return (n, k) probabilities: log-odds `margin` (n,) for class y (n,), the rest shared alike.

    >>> scores_of(np.array([0.0]), np.array([1]), 3)
    array([[0.25, 0.5 , 0.25]])
    """
    p = 1 / (1 + np.exp(-margin))
    scores = np.repeat(((1 - p) / (k - 1))[:, None], k, axis=1)
    scores[np.arange(len(p)), y] = p
    return scores


def plant_membership(
    *,
    shift_nats: float,
    seed: int,
    policy: Policy | None = None,
    n: int = 1000,
    m: int = 16,
    n_population: int = 500,
    classes: int = 2,
    regression: bool = False,
    online: bool = True,
    table: bool = False,
    dimensions: int = 6,
) -> Planted:
    """Plant a model that is surer of what it was trained on, by exactly `shift_nats`.

    Classification: the log-odds that a model gives to a record's own class are
    N(0, 1) difficulty (a linear function of the inputs, the same for every model) + N(0, 1) of the
    model's own + `shift_nats` if the record was trained on. Regression: log |answer - outcome| is
    difficulty / 2 + log |N(0, 1)| - `shift_nats` if the record was trained on.
    Members are drawn by independent coins, and so are the online reference models' records.

    Args:
        shift_nats: size of the leak; 0 plants silence.
        seed: of everything that is drawn.
        policy: the endpoint's policy, copied to every reference model (with another secret).
        n: candidates.
        m: reference models.
        n_population: records in the adversary's population; in nobody's training data.
        classes: number of classes, at least 2; unused by a regressor.
        regression: plant a regressor (VALUE) in place of a classifier.
        online: references train on a random half of the candidates; else on none of them.
        table: inputs are a DataFrame with named columns, else an array.
        dimensions: number of input columns.

    Returns: the audit; `known` has best_auc (of the target's answer if the difficulty is known:
        nobody who asks each record once can do better), reference_auc (if it must be learnt from m
        reference models; classifiers), loss_auc (no calibration) and gap_auc (right or wrong label
        alone; classifiers), all before any policy.
    """
    rng = np.random.default_rng(seed)
    policy = policy or Policy()
    a = n + n_population
    anchors = rng.normal(size=(a, dimensions))
    direction = rng.normal(size=dimensions)
    direction /= np.linalg.norm(direction) * (2 if regression else 1)
    is_member = rng.random(n) < 0.5
    y = anchors @ rng.normal(size=dimensions) if regression else rng.integers(classes, size=a)
    columns = tuple(f"x{j}" for j in range(dimensions)) if table else ()
    tree = cKDTree(anchors)

    def model(name: str, contains: Bools) -> Remembering:
        shift = np.zeros(a)
        shift[:n] = np.where(contains, shift_nats, 0.0)
        own = rng.normal(size=a)
        return Remembering(
            name=name,
            anchors=anchors,
            y=y,
            lift=own + shift,
            direction=direction,
            tree=tree,
            classes=() if regression else tuple(range(classes)),
            columns=columns,
            miss=own * np.exp(-shift) if regression else None,
        )

    def reference(i: int) -> Reference:
        contains = (rng.random(n) < 0.5) & online
        name = f"reference-{i}"
        access = door(model(name, contains), policy, identity=name, secret=REFERENCE_SECRET)
        return Reference(access=access, contains=contains)

    target = model("planted model", is_member)
    x = inputs_of(anchors, columns)
    return Planted(
        access=door(target, policy),
        candidates=Candidates(x=x[:n], y=y[:n]),
        knowledge=Knowledge(
            population=Population(x=rows_from(x, n), y=y[n:]),
            references=[reference(i) for i in range(m)],
            domains={name: _grid(anchors[n:, j]) for j, name in enumerate(columns)},
            columns=columns,
        ),
        truth=Truth(
            is_member=is_member,
            records=None if isinstance(x, np.ndarray) else x[:n],
            y=y[:n],
            answer=target.answer(x[:n]),
        ),
        known=_regression_aucs(shift_nats) if regression else _aucs(shift_nats, m, classes),
    )


def inputs_of(rows: Floats, columns: tuple[str, ...]) -> Inputs:
    """Return `rows` as a table with these columns, or as they are if there are none."""
    if not columns:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))


def rows_from(x: Inputs, start: int) -> Inputs:
    """Return the rows from `start` on."""
    return x[start:] if isinstance(x, np.ndarray) else x.iloc[start:].reset_index(drop=True)


def _grid(column: Floats) -> Domain:
    return Domain(values=np.quantile(column, np.linspace(0.05, 0.95, 10)), continuous=True, tol=0.2)


def _aucs(shift: float, m: int, classes: int) -> dict[str, float]:
    # Two normals a shift apart; the variance is what the adversary cannot subtract.
    right = [float(norm.cdf((s + np.log(classes - 1)) / np.sqrt(2))) for s in (shift, 0.0)]
    return {
        "best_auc": float(norm.cdf(shift / np.sqrt(2))),
        "reference_auc": float(norm.cdf(shift / np.sqrt(2 * (1 + 1 / (m + 1))))),
        "loss_auc": float(norm.cdf(shift / 2)),
        "gap_auc": 0.5 + (right[0] - right[1]) / 2,
    }


def _regression_aucs(shift: float) -> dict[str, float]:
    # The ratio of two normals is Cauchy: P(|a| < c |b|) = 2/pi atan(c).
    def auc(difference: float) -> float:
        return float(2 / np.pi * np.arctan(np.exp(shift + difference)))

    spread = np.sqrt(2) / 2  # of the difference of two difficulties with standard deviation 1/2
    loss = quad(lambda d: auc(d) * norm.pdf(d, scale=spread), -6 * spread, 6 * spread)[0]
    return {"best_auc": auc(0.0), "loss_auc": float(loss)}
