"""Audits whose right answer is known: models that keep rows, leak in trees, or can be copied."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reticent.access import QUERIED
from reticent.attacks.base import Knowledge
from reticent.audit.truth import Truth
from reticent.core import (
    Answer,
    Candidates,
    Channel,
    Domain,
    Floats,
    Inputs,
    NotExposed,
    Population,
    canonical_rows,
)
from reticent.defences import Keyed
from reticent.policy import Policy
from reticent.targets.sklearn import SklearnTarget
from reticent.testing.planted import Planted, door, inputs_of

Keeper = Literal["neighbours", "support vectors", "gaussian process", "nothing"]
FEATURES = ("x0", "x1", "x2", "x3")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Noise:
    """A model that answers every question with a coin of its own: there is nothing to copy."""

    name: str
    classes: tuple[object, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def channels(self) -> Channel:
        """Return what a classifier or a regressor offers."""
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES if self.classes else Channel.VALUE

    def answer(self, x: Inputs) -> Answer:
        """Return answers that depend on the exact question and look like nothing else."""
        rows = canonical_rows(x)
        u = Keyed(self.name.encode(), lambda: rows).uniforms(max(len(self.classes), 1))
        if not self.classes:
            return Answer(values=u[:, 0])
        scores = u / u.sum(axis=1, keepdims=True)
        return Answer(labels=scores.argmax(axis=1), scores=scores)

    def weights(self) -> object:
        """Refuse: there is no fitted model."""
        raise NotExposed(f"{self.name} is a formula; it has no weights to hand out.")


def plant_artefact(*, keeps: Keeper, seed: int, n: int = 200, table: bool = True) -> Planted:
    """Plant a fitted pipeline (scaler, then model) that keeps its training rows, or does not.

    Args:
        keeps: "neighbours" and "gaussian process" keep every member, "support vectors" those near
            the boundary, "nothing" (a logistic regression) none.
        seed: of everything that is drawn.
        n: candidates, half of them members (by coins).
        table: inputs are a DataFrame, else an array.

    Returns: the audit; `known` has member_share, the share of members' rows kept, and
        non_member_share, 0.
    """
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rng = np.random.default_rng(seed)
    columns = FEATURES if table else ()
    rows = rng.normal(size=(n, len(FEATURES))) * [1, 10, 100, 0.1] + [0, 5, -50, 1]
    y = (rows[:, 0] + rng.normal(size=n) > 0).astype(np.int64)
    x = inputs_of(rows, columns)
    is_member = rng.random(n) < 0.5
    last = {
        "neighbours": KNeighborsClassifier(5),
        "support vectors": SVC(C=1.0),
        "gaussian process": GaussianProcessClassifier(optimizer=None),
        "nothing": LogisticRegression(),
    }[keeps]
    model = make_pipeline(StandardScaler(), last).fit(x[is_member], y[is_member])
    kept = {"support vectors": getattr(last, "support_", ()), "nothing": ()}.get(keeps)
    target = SklearnTarget(model, name=f"planted {keeps}")
    return Planted(
        access=door(target, Policy(), exposed=Channel.WEIGHTS),
        candidates=Candidates(x=x, y=y),
        knowledge=Knowledge(columns=columns),
        truth=Truth(is_member=is_member, records=inputs_of(rows, FEATURES), y=y),  # type: ignore[arg-type]  # a table, as columns are given
        known={
            "member_share": 1.0 if kept is None else len(kept) / int(is_member.sum()),
            "non_member_share": 0.0,
        },
    )


def plant_tree(*, leak: bool, seed: int, n: int = 400, n_population: int = 24) -> Planted:
    """Plant a fully grown decision tree whose leaves give a hidden column away, or cannot.

    People fall in 12 cells (region x age band) and have a fair coin `status`. With a leak the
    outcome is status XOR a coin of the cell, so outcome, cell and tree together tell the status of
    everybody; without it the outcome is the cell's coin and the tree never looks at the status.

    Returns: the audit (the adversary has seen y and may read the weights or ask); `known` has
        prior_accuracy, 1/2, and member_accuracy, 1 or 1/2.
    """
    import pandas as pd
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    a = n + n_population
    table = pd.DataFrame(
        {
            "region": rng.integers(3, size=a),
            "age_band": rng.integers(4, size=a),
            "status": rng.integers(2, size=a),
        }
    )
    coin = rng.permutation(np.arange(12) % 2)[table["region"] * 4 + table["age_band"]]
    y = (coin ^ table["status"].to_numpy() if leak else coin).astype(np.int64)
    is_member = rng.random(n) < 0.5
    records = table.iloc[:n]
    tree = DecisionTreeClassifier(random_state=seed).fit(records[is_member], y[:n][is_member])
    columns = tuple(table.columns)
    target = SklearnTarget(tree, name="planted tree")
    return Planted(
        access=door(target, Policy(), exposed=QUERIED | Channel.WEIGHTS),
        candidates=Candidates(x=records.drop(columns="status"), y=y[:n], missing=("status",)),
        knowledge=Knowledge(
            population=Population(x=table.iloc[n:].reset_index(drop=True), y=y[n:]),
            domains={"status": Domain(values=np.array([0, 1]))},
            columns=columns,
        ),
        truth=Truth(is_member=is_member, records=records, y=y[:n]),
        known={"prior_accuracy": 0.5, "member_accuracy": 1.0 if leak else 0.5},
    )


def plant_extraction(
    *,
    copyable: bool,
    seed: int,
    policy: Policy | None = None,
    n: int = 1000,
    n_population: int = 1000,
    classes: int = 3,
    regression: bool = False,
    table: bool = False,
) -> Planted:
    """Plant a decision tree of eight leaves, which can be copied, or a coin, which cannot.

    Returns: the audit; `known` has majority, the share of the candidates that the most common
        label already gets right (1 - its share of variance, 0, for a regressor).
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    rng = np.random.default_rng(seed)
    rows: Floats = rng.normal(size=(n + n_population, len(FEATURES)))
    columns = FEATURES if table else ()
    x = inputs_of(rows, columns)
    names = () if regression else tuple(range(classes))
    lessons: Any = (
        rng.normal(size=len(rows)) if regression else rng.integers(classes, size=len(rows))
    )
    kind = DecisionTreeRegressor if regression else DecisionTreeClassifier
    tree = kind(max_leaf_nodes=8, min_samples_leaf=0.05, random_state=seed)
    target: SklearnTarget | Noise = (
        SklearnTarget(tree.fit(x, lessons), name="planted tree")
        if copyable
        else Noise(name="planted coin", classes=names, columns=columns)
    )
    test = inputs_of(rows[:n], columns)
    answer = target.answer(test)
    return Planted(
        access=door(target, policy or Policy()),
        candidates=Candidates(x=test),
        knowledge=Knowledge(
            population=Population(x=inputs_of(rows[n:], columns), y=lessons[n:]), columns=columns
        ),
        truth=Truth(is_member=np.zeros(n, dtype=bool), answer=answer),
        known={
            "majority": 0.0
            if answer.labels is None
            else float(np.bincount(answer.labels).max() / n)
        },
    )
