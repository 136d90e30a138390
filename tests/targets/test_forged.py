"""Forged trees: found before scikit-learn follows them out of its memory."""

import copy

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeClassifier

from reticent.core import BadInput
from reticent.targets.files import load_model, save_model
from reticent.targets.forged import check_structure

FAR = 1_000_000


@pytest.fixture(scope="module")
def patients():
    x, y = load_breast_cancer(return_X_y=True)
    return x[:, :6], y


def forge_tree(tree: object, field: str, node: int, value: int) -> object:
    """Return a copy of a tree with one number changed."""
    kind, args, state = tree.__reduce__()
    state = copy.deepcopy(state)
    state["nodes"][field][node] = value
    forged = kind(*args)
    forged.__setstate__(state)
    return forged


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", FAR),
        ("right_child", FAR),
        ("left_child", -7),
        ("left_child", 0),  # a loop: the question would never end
        ("feature", FAR),
        ("feature", -3),
        ("feature", 6),  # one column further than there are
    ],
)
def test_a_node_that_points_outside_is_found(patients, tmp_path, field, value) -> None:
    model = RandomForestClassifier(3, random_state=0).fit(*patients)
    path = tmp_path / "m.skops"
    save_model(model, path)
    load_model(path)
    model.estimators_[1].tree_ = forge_tree(model.estimators_[1].tree_, field, 0, value)
    save_model(model, path)
    with pytest.raises(BadInput, match="Tree whose nodes point outside"):
        load_model(path)


def test_a_model_asked_with_fewer_columns_than_its_trees_read_is_found(patients) -> None:
    for model in (DecisionTreeClassifier(), GradientBoostingClassifier(n_estimators=2)):
        check_structure(model.fit(*patients), file="f")
        model.n_features_in_ = 1
        with pytest.raises(BadInput):
            check_structure(model, file="f")


@pytest.mark.parametrize("field", ["left", "right", "feature_idx"])
def test_a_boosted_node_that_points_outside_is_found(patients, field) -> None:
    model = HistGradientBoostingClassifier(max_iter=2).fit(*patients)
    check_structure(model, file="f")
    model._predictors[1][0].nodes[field][0] = FAR
    with pytest.raises(BadInput, match="TreePredictor"):
        check_structure(model, file="f")


@pytest.mark.parametrize("kind", [KDTree, BallTree])
@pytest.mark.parametrize("part", [1, 2])
def test_a_neighbour_index_that_points_outside_is_found(patients, kind, part) -> None:
    index = kind(patients[0], leaf_size=10)
    check_structure([index], file="f")
    state = [np.array(s) if isinstance(s, np.ndarray) else s for s in index.__getstate__()]
    if part == 1:
        state[1][3] = FAR
    else:
        state[2]["idx_end"][0] = FAR
    forged = kind.__new__(kind)
    forged.__setstate__(tuple(state))
    with pytest.raises(BadInput, match="Tree"):
        check_structure([forged], file="f")


def test_sound_models_pass(patients) -> None:
    x, y = patients
    for model in (
        make_pipeline(PolynomialFeatures(), RandomForestClassifier(3)),
        BaggingClassifier(make_pipeline(PolynomialFeatures(), DecisionTreeClassifier()), 2),
        BaggingClassifier(DecisionTreeClassifier(), 3, max_features=0.5),
        AdaBoostClassifier(n_estimators=3),
        GradientBoostingClassifier(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3, categorical_features=None),
        KNeighborsClassifier(),
        RandomForestClassifier(3),
    ):
        check_structure(model.fit(x, y), file="f")
