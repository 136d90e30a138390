from typing import Any

import numpy as np
import pandas as pd
import pytest
from attacks.attribute.models import QUERIED, door_to
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from reticent.attacks._tree import grove, mass
from reticent.attacks.attribute.tree_paths import ABSENT, TreePaths
from reticent.attacks.base import Knowledge
from reticent.core import (
    Answer,
    BadInput,
    Candidates,
    Channel,
    Column,
    Domain,
    Floats,
    NotExposed,
    Population,
)
from reticent.targets.sklearn import SklearnTarget

WHITE = QUERIED | Channel.WEIGHTS
DOMAIN = Domain(values=np.array([0, 1, 2]), prior=np.array([0.5, 0.3, 0.2]))
COLUMNS = ("a", "h", "b")


def _people(n: int, seed: int) -> tuple[pd.DataFrame, Column]:
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(
        {
            "a": rng.normal(size=n).round(2),
            "h": rng.choice(3, p=[0.5, 0.3, 0.2], size=n),
            "b": rng.integers(4, size=n),
        }
    )
    return x, rng.integers(2, size=n).astype(np.int64)


def _slow(tree: Any, node: int, row: Floats, hidden: int, value: float, free: bool) -> float:
    """Return the people at the leaves below that the row can reach; every other column if free."""
    if tree.children_left[node] == -1:
        return float(tree.n_node_samples[node])
    left, right = tree.children_left[node], tree.children_right[node]
    feature = tree.feature[node]
    if feature != hidden and free:
        return _slow(tree, left, row, hidden, value, free) + _slow(
            tree, right, row, hidden, value, free
        )
    at = value if feature == hidden else row[feature]
    return _slow(tree, left if at <= tree.threshold[node] else right, row, hidden, value, free)


def test_path_counts_equal_a_slow_recursion() -> None:
    x, y = _people(300, 0)
    model = DecisionTreeClassifier(random_state=0, min_samples_leaf=3).fit(x, y)
    new, _ = _people(40, 1)
    claim = TreePaths(weigh="paper", given_prior=True).run(
        door_to(SklearnTarget(model), exposed=WHITE),
        Candidates(x=new[["a", "b"]], missing=("h",)),
        Knowledge(domains={"h": DOMAIN}, columns=COLUMNS),
        np.random.default_rng(0),
    )
    for i, row in enumerate(new.to_numpy(dtype=np.float64)):
        weights = np.array(
            [
                DOMAIN.prior[v]
                * _slow(model.tree_, 0, row, 1, float(v), False)
                / _slow(model.tree_, 0, row, 1, float(v), True)
                for v in range(3)
            ]
        )
        assert claim.posterior["h"][i].tolist() == pytest.approx(weights / weights.sum())


@pytest.mark.parametrize("best_first", [False, True])
def test_mass_equals_a_slow_recursion(best_first: bool) -> None:
    x, y = _people(200, 2)
    model = DecisionTreeClassifier(random_state=0, max_leaf_nodes=40 if best_first else None)
    tree = grove(model.fit(x, y)).trees[0]
    fast = mass(tree, np.array([1]), np.array([[0.0], [1.0], [2.0]]))
    slow = [_slow(tree.raw, 0, np.zeros(3), 1, float(v), True) for v in range(3)]
    assert fast.tolist() == slow
    assert mass(tree, np.empty(0, np.int64), np.empty((2, 0))).tolist() == [200.0, 200.0]


def test_one_stump_by_hand() -> None:
    # Value 0: 3 people, outcomes 0 0 1. Value 1: 5 people, outcomes 1 1 1 1 0.
    x = pd.DataFrame({"h": [0, 0, 0, 1, 1, 1, 1, 1]})
    y = np.array([0, 0, 1, 1, 1, 1, 1, 0])
    model = DecisionTreeClassifier(max_depth=1).fit(x.assign(k=0.0), y)
    domain = Domain(values=np.array([0, 1]))
    access = door_to(SklearnTarget(model), exposed=WHITE)
    knowledge = Knowledge(domains={"h": domain}, columns=("h", "k"))
    attack = TreePaths(weigh="paper", given_prior=True)
    known = pd.DataFrame({"k": [0.0, 0.0]})

    blind = attack.run(
        access, Candidates(x=known, missing=("h",)), knowledge, np.random.default_rng(0)
    )
    assert blind.posterior["h"][0].tolist() == pytest.approx([0.5, 0.5])  # 3/3 against 5/5
    told = Candidates(x=known, y=np.array([0, 1]), missing=("h",))
    found = attack.run(access, told, knowledge, np.random.default_rng(0)).posterior["h"]
    zero = np.array([(2 + ABSENT) / 3, (1 + ABSENT) / 5])
    one = np.array([(1 + ABSENT) / 3, (4 + ABSENT) / 5])
    assert found.tolist() == pytest.approx(np.array([zero / zero.sum(), one / one.sum()]))
    seen = Candidates(x=known, observed=Answer(labels=np.array([0, 1])), missing=("h",))
    assert attack.run(access, seen, knowledge, np.random.default_rng(0)).guesses["h"].tolist() == [
        0,
        1,
    ]


def _memorised(model: Any, *, n: int = 300, text: bool = False) -> tuple[float, float]:
    """Return accuracy on people the model was fitted on and on others."""
    names = np.array(["x", "y", "z"], dtype=object)
    x, y = _people(3 * n, 5)
    x["a"] = np.random.default_rng(9).normal(size=3 * n)
    if text:
        x["h"] = names[x["h"]]
    model.fit(x[:n], y[:n])
    access = door_to(SklearnTarget(model), exposed=WHITE)
    values = names if text else np.arange(3)
    knowledge = Knowledge(
        population=Population(x=x[2 * n :].reset_index(drop=True), y=y[2 * n :]),
        domains={"h": Domain(values=values)},
        columns=COLUMNS,
    )
    candidates = Candidates(x=x[: 2 * n][["a", "b"]], y=y[: 2 * n], missing=("h",))
    claim = TreePaths(strength="fast").run(access, candidates, knowledge, np.random.default_rng(0))
    assert access.queries == 0
    right = claim.guesses["h"] == x["h"][: 2 * n].to_numpy()
    return float(right[:n].mean()), float(right[n:].mean())


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (DecisionTreeClassifier(random_state=0), 0.6),
        (RandomForestClassifier(30, random_state=0), 0.62),
        (ExtraTreesClassifier(30, random_state=0), 0.7),
    ],
    ids=["tree", "forest", "extra"],
)
def test_finds_what_a_tree_memorised(model: Any, least: float) -> None:
    members, others = _memorised(model)
    assert members > least
    assert members - others > 0.12


def test_reads_through_a_pipeline_and_text() -> None:
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["h"]), remainder="passthrough"),
        RandomForestClassifier(20, random_state=0),
    )
    members, others = _memorised(pipeline, text=True)
    assert members - others > 0.12


def test_regression_trees_tell_by_the_outcome() -> None:
    x, _ = _people(400, 5)
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    model = DecisionTreeRegressor(random_state=0).fit(x[:200], y[:200])
    knowledge = Knowledge(
        population=Population(x=x[200:], y=y[200:]), domains={"h": DOMAIN}, columns=COLUMNS
    )
    claim = TreePaths(strength="fast").run(
        door_to(SklearnTarget(model), exposed=WHITE),
        Candidates(x=x[:200][["a", "b"]], y=y[:200], missing=("h",)),
        knowledge,
        rng,
    )
    right = claim.guesses["h"] == x["h"][:200]
    assert right.mean() > 0.75


def test_a_tree_without_the_column_falls_back_to_the_prior() -> None:
    x, y = _people(200, 6)
    model = DecisionTreeClassifier(random_state=0).fit(x.assign(h=0), y)
    claim = TreePaths(weigh="paper", given_prior=True).run(
        door_to(SklearnTarget(model), exposed=WHITE),
        Candidates(x=x[["a", "b"]], y=y, missing=("h",)),
        Knowledge(domains={"h": DOMAIN}, columns=COLUMNS),
        np.random.default_rng(0),
    )
    assert claim.posterior["h"] == pytest.approx(np.tile(DOMAIN.prior, (200, 1)))


def test_two_hidden_columns() -> None:
    x, _ = _people(200, 7)
    y = (x["b"] >= 2).to_numpy().astype(np.int64)  # the outcome gives half of b away
    model = DecisionTreeClassifier(random_state=0).fit(x, y)
    domains = {"h": DOMAIN, "b": Domain(values=np.arange(4))}
    claim = TreePaths().run(
        door_to(SklearnTarget(model), exposed=WHITE),
        Candidates(x=x[["a"]], y=y, missing=("h", "b")),
        Knowledge(domains=domains, columns=COLUMNS),
        np.random.default_rng(0),
    )
    assert claim.posterior["b"].shape == (200, 4)
    assert ((claim.guesses["b"] >= 2) == y).all()
    assert claim.posterior["h"] == pytest.approx(np.tile(claim.posterior["h"][0], (200, 1)))


def test_says_what_it_cannot_read() -> None:
    x, y = _people(50, 0)
    run = (
        Candidates(x=x[["a", "b"]], missing=("h",)),
        Knowledge(domains={"h": DOMAIN}, columns=COLUMNS),
        np.random.default_rng(0),
    )
    linear = door_to(SklearnTarget(LogisticRegression().fit(x, y)), exposed=WHITE)
    with pytest.raises(BadInput, match="LogisticRegression"):
        TreePaths().run(linear, *run)
    shut = door_to(SklearnTarget(DecisionTreeClassifier().fit(x, y)), exposed=QUERIED)
    with pytest.raises(NotExposed):
        TreePaths().run(shut, *run)
