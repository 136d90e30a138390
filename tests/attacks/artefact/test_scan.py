"""The scan finds rows where a model keeps them, and none where it does not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.impute import KNNImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import (
    KNeighborsClassifier,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM

from reticent.attacks._kept import INPUTS, in_space
from reticent.attacks._rows import match_rows
from reticent.attacks.artefact.scan import ArtefactScan
from reticent.core import ArtefactClaim, Bools, Channel, Floats, NotExposed
from reticent.testing import plant_artefact
from reticent.testing.planted import Planted


def scan(case: Planted) -> ArtefactClaim:
    rng = np.random.default_rng(0)
    return ArtefactScan().run(case.access, case.candidates, case.knowledge, rng)


def found(case: Planted) -> Bools:
    claim = scan(case)
    seen = in_space(case.access.weights(), claim.notes["space"], case.candidates.x)
    return match_rows(claim.rows, seen)


class Handed:
    """A model that is handed over whole."""

    name, classes, columns, channels = "handed", (), (), Channel.WEIGHTS

    def __init__(self, model: object) -> None:
        self._model = model

    def answer(self, x: object) -> object:
        raise AssertionError("the scan asks no question")

    def weights(self) -> object:
        return self._model


def shares(model: object, x: Floats, others: Floats) -> tuple[float, float, str]:
    """Return the shares of the training rows and of other rows that are found, and the space."""
    case = plant_artefact(keeps="nothing", seed=0)

    claim = scan(replace(case, access=replace(case.access, target=Handed(model))))  # type: ignore[arg-type]  # a minimal target
    space = claim.notes["space"]
    hit = [
        float(match_rows(claim.rows, in_space(model, space, part)).mean()) for part in (x, others)
    ]
    return hit[0], hit[1], space


@pytest.mark.parametrize("keeps", ["neighbours", "gaussian process", "support vectors"])
def test_finds_the_stated_share_of_the_members_and_nobody_else(keeps: str) -> None:
    case = plant_artefact(keeps=keeps, seed=1)  # type: ignore[arg-type]  # one of the literals
    hit, is_member = found(case), case.truth.is_member
    assert hit[is_member].mean() == pytest.approx(case.known["member_share"])
    assert not hit[~is_member].any()


def test_is_silent_on_a_model_that_keeps_nothing() -> None:
    claim = scan(plant_artefact(keeps="nothing", seed=2))
    assert claim.keeps == "nothing"
    assert len(claim.rows) == 0


def test_hands_over_the_outcomes_too() -> None:
    case = plant_artefact(keeps="neighbours", seed=3)
    claim, is_member = scan(case), case.truth.is_member
    assert claim.outcomes is not None
    members = np.asarray(case.candidates.x)[is_member]
    for row, outcome in zip(claim.rows[:20], claim.outcomes[:20], strict=True):
        i = np.abs(members - row).sum(axis=1).argmin()
        assert outcome == np.asarray(case.candidates.y)[is_member][i]


def test_support_vectors_come_with_their_class() -> None:
    case = plant_artefact(keeps="support vectors", seed=3)
    claim, is_member = scan(case), case.truth.is_member
    assert claim.outcomes is not None
    members = np.asarray(case.candidates.x)[is_member]
    near = [int(np.abs(members - row).sum(axis=1).argmin()) for row in claim.rows]
    np.testing.assert_array_equal(claim.outcomes, np.asarray(case.candidates.y)[is_member][near])


RNG = np.random.default_rng(5)
X = RNG.normal(size=(120, 4)) * [1, 10, 100, 0.1]
Y = (X[:, 0] + RNG.normal(size=120) > 0).astype(int)
OTHERS = RNG.normal(size=(80, 4)) * [1, 10, 100, 0.1]


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsClassifier(algorithm="kd_tree"),
        RadiusNeighborsRegressor(radius=1e6),
        LocalOutlierFactor(novelty=True),
        GaussianProcessRegressor(optimizer=None),
        GaussianProcessClassifier(optimizer=None),
        KernelRidge(),
        LabelSpreading(kernel="knn"),
        make_pipeline(KNNImputer(), LogisticRegression(max_iter=5000)),
        make_pipeline(MinMaxScaler(), KNeighborsClassifier()),
        GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3]}, cv=2),
        VotingClassifier(
            [("a", KNeighborsClassifier()), ("b", make_pipeline(StandardScaler(), SVC()))]
        ),
        BaggingClassifier(KNeighborsClassifier(), n_estimators=12, random_state=0),
        make_pipeline(
            ColumnTransformer([("a", StandardScaler(), [0, 3]), ("b", MinMaxScaler(), [2, 1])]),
            KNeighborsClassifier(),
        ),
    ],
    ids=lambda model: str(model)[:40],
)
def test_finds_all_rows_wherever_they_are_in_the_model(model: SVC) -> None:
    assert shares(model.fit(X, Y), X, OTHERS) == (1.0, 0.0, INPUTS)


@pytest.mark.parametrize(
    "model",
    [
        SVR(),
        NuSVC(),
        OneClassSVM(),
        make_pipeline(Nystroem(n_components=30, random_state=0), LogisticRegression()),
        CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC())),
        BaggingClassifier(KNeighborsClassifier(), max_features=2, random_state=0),
    ],
    ids=lambda model: str(model)[:40],
)
def test_finds_some_rows_and_no_stranger(model: SVC) -> None:
    kept, strangers, _ = shares(model.fit(X, Y), X, OTHERS)
    assert 30 / 120 <= kept < 1
    assert strangers == 0


def test_a_projection_stays_in_its_own_space() -> None:
    model = make_pipeline(StandardScaler(), PCA(2), KNeighborsClassifier()).fit(X, Y)
    assert shares(model, X, OTHERS) == (1.0, 0.0, "model.kneighborsclassifier")


def test_text_columns_are_found_in_the_models_own_space() -> None:
    table = pd.DataFrame({"town": np.where(X[:, 1] > 0, "a", "b"), "pay": X[:, 2]})
    encode = ColumnTransformer(
        [("town", OneHotEncoder(), ["town"]), ("pay", StandardScaler(), ["pay"])]
    )
    model = make_pipeline(encode, KNeighborsClassifier()).fit(table, Y)
    other = table.assign(pay=table["pay"] + 1.0)
    assert shares(model, table, other) == (1.0, 0.0, "model.kneighborsclassifier")  # type: ignore[arg-type]  # tables


def test_centroids_are_named_averages() -> None:
    case = plant_artefact(keeps="nothing", seed=0)

    handed = Handed(NearestCentroid().fit(X, Y))
    claim = scan(replace(case, access=replace(case.access, target=handed)))  # type: ignore[arg-type]  # a minimal target
    assert claim.notes["averages"]
    assert claim.keeps == "class centroids"
    assert not match_rows(claim.rows, X).any()


def test_counts_leaves_of_one_person() -> None:
    grown = RandomForestClassifier(n_estimators=3, random_state=0).fit(X, Y)
    held = RandomForestClassifier(n_estimators=3, min_samples_leaf=5, random_state=0).fit(X, Y)
    case = plant_artefact(keeps="nothing", seed=0)

    counts = [
        scan(replace(case, access=replace(case.access, target=Handed(m)))).notes[  # type: ignore[arg-type]  # a minimal target
            "leaves_of_one_person"
        ]
        for m in (grown, held)
    ]
    assert counts[0] > 0
    assert counts[1] == 0


def test_asks_for_the_weights_and_nothing_else() -> None:
    case = plant_artefact(keeps="neighbours", seed=4)
    scan(case)
    assert case.access.queries == 0
    with pytest.raises(NotExposed):
        scan(case.through(exposed=Channel.SCORES))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_matching_is_a_lookup_up_to_the_tolerance(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    there, rows = rng.normal(size=(20, width)), rng.normal(size=(20, width))
    rows[::2] = there[rng.integers(20, size=10)].astype(np.float32)
    rows[1::4] += 1e-3
    size = np.maximum(1, np.abs(rows).max(axis=0))
    gap = np.abs((rows[:, None] - there[None]) / size).max(axis=2).min(axis=1)
    np.testing.assert_array_equal(match_rows(there, rows), gap <= 1e-5)


def test_a_missing_value_matches_a_missing_value() -> None:
    there = np.array([[1.0, np.nan], [2.0, 3.0]])
    rows = np.array([[1.0, np.nan], [1.0, 3.0], [np.nan, np.nan], [2.0, 3.0]])
    np.testing.assert_array_equal(match_rows(there, rows), [True, False, False, True])
