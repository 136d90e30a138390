"""Model files: what opens, what asks for consent, and what is refused; nothing runs unasked."""

import contextlib
import pickle
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

from reticent.core import BadInput, ReticentError, UntrustedFile
from reticent.targets.files import (
    files_at,
    files_digest,
    load_model,
    model_digest,
    runs_code,
    save_model,
)
from reticent.targets.sklearn import SklearnTarget

CLASSIFIERS = [
    AdaBoostClassifier(n_estimators=3),
    BaggingClassifier(n_estimators=2, max_features=0.5),
    CalibratedClassifierCV(LinearSVC()),
    DecisionTreeClassifier(),
    ExtraTreesClassifier(3),
    GaussianNB(),
    GaussianProcessClassifier(1.0 * RBF(), optimizer=None),
    GradientBoostingClassifier(n_estimators=3),
    GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-8]}),
    HistGradientBoostingClassifier(max_iter=3),
    KNeighborsClassifier(),
    KNeighborsClassifier(algorithm="ball_tree"),
    LGBMClassifier(n_estimators=3, verbose=-1),
    LinearDiscriminantAnalysis(),
    LogisticRegression(),
    MLPClassifier((4,), solver="lbfgs", max_iter=5000),
    MLPClassifier((4,), max_iter=5000),
    MLPClassifier((4,), solver="sgd", max_iter=5000, tol=0.1),
    NearestCentroid(),
    QuadraticDiscriminantAnalysis(reg_param=0.5),
    RandomForestClassifier(3),
    RidgeClassifier(),
    SGDClassifier(loss="log_loss"),
    SVC(),
    StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=2))]),
    VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
    XGBClassifier(n_estimators=3),
]
REGRESSORS = [
    GaussianProcessRegressor(RBF() + WhiteKernel(), optimizer=None),
    GradientBoostingRegressor(n_estimators=3),
    HistGradientBoostingRegressor(max_iter=3),
    KNeighborsRegressor(),
    LGBMRegressor(n_estimators=3, verbose=-1),
    LinearRegression(),
    MLPRegressor(hidden_layer_sizes=(4,), max_iter=5000, tol=10.0),
    PoissonRegressor(),
    RandomForestRegressor(3),
    Ridge(),
    SVR(),
    TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    XGBRegressor(n_estimators=3),
]


@pytest.fixture(scope="module")
def patients():
    x, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(x)[:150], y[:150]


@pytest.fixture(scope="module")
def forest(patients):
    return RandomForestClassifier(5, random_state=0).fit(*patients)


def same(path: Path, model: object, x: object) -> None:
    loaded, kept = load_model(path).answer(x), SklearnTarget(model).answer(x)
    for one, other in (
        (loaded.labels, kept.labels),
        (loaded.scores, kept.scores),
        (loaded.values, kept.values),
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_library_classifiers_need_no_consent(model, patients, tmp_path) -> None:
    save_model(model.fit(*patients), tmp_path / "m.skops")
    same(tmp_path / "m.skops", model, patients[0])


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_library_regressors_need_no_consent(model, tmp_path) -> None:
    x, y = load_diabetes(return_X_y=True)
    save_model(model.fit(x[:100], y[:100]), tmp_path / "m.skops")
    same(tmp_path / "m.skops", model, x)


def test_pipelines_over_tables_need_no_consent(tmp_path) -> None:
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x = x.iloc[:200, :5].assign(ward=np.where(x["mean area"][:200] > 700, "north", "south"))
    names = list(x.columns)
    cells = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), names[:2]),
        (KNNImputer(), [names[2]]),
        (SplineTransformer(), [names[3]]),
        (FunctionTransformer(np.log1p), [names[4]]),
        (OneHotEncoder(handle_unknown="ignore"), ["ward"]),
        (OrdinalEncoder(), ["ward"]),
        (TargetEncoder(), ["ward"]),
    )
    model = make_pipeline(cells, RandomForestClassifier(3, random_state=0))
    save_model(model.fit(x, np.where(y[:200], "benign", "malign")), tmp_path / "m.skops")
    same(tmp_path / "m.skops", model, x)
    assert load_model(tmp_path / "m.skops").columns == tuple(names)
    assert load_model(tmp_path / "m.skops").name == "m.skops"


def one_more(x):
    return x + 1


def test_code_that_is_not_library_code_needs_consent(patients, tmp_path) -> None:
    model = make_pipeline(FunctionTransformer(one_more), GaussianNB()).fit(*patients)
    path = tmp_path / "m.skops"
    save_model(model, path)
    with pytest.raises(UntrustedFile, match=r"one_more.*--trust-model-file"):
        load_model(path)
    np.testing.assert_array_equal(
        load_model(path, trust=True).answer(patients[0]).labels, model.predict(patients[0])
    )


class Opens:
    """Unpickling this creates a file: it stands for any code at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "suffix", [".pkl", ".pickle", ".joblib", ".PKL", ".skops", ".onnx", ".txt"]
)
def test_a_malicious_pickle_runs_nothing_without_consent(tmp_path, suffix) -> None:
    touched = tmp_path / "touched"
    bad = tmp_path / f"model{suffix}"
    bad.write_bytes(pickle.dumps(Opens(touched)))
    with pytest.raises(BadInput):
        load_model(bad)
    assert not touched.exists()
    model_digest(bad)
    assert not touched.exists()
    if runs_code(bad):  # the trap is real: consent does spring it
        with pytest.raises(BadInput):
            load_model(bad, trust=True)
        assert touched.exists()


def test_a_pickle_inside_skops_runs_nothing(patients, forest, tmp_path) -> None:
    touched = tmp_path / "touched"
    save_model(forest, tmp_path / "m.skops")
    with (
        zipfile.ZipFile(tmp_path / "m.skops") as good,
        zipfile.ZipFile(tmp_path / "bad.skops", "w") as bad,
    ):
        for entry in good.namelist():
            arrays = entry.endswith(".npy")
            bad.writestr(entry, pickle.dumps(Opens(touched)) if arrays else good.read(entry))
    with pytest.raises(BadInput):
        load_model(tmp_path / "bad.skops")
    assert not touched.exists()


@pytest.mark.parametrize("suffix", [".pkl", ".joblib"])
def test_pickles_open_with_consent(patients, forest, tmp_path, suffix) -> None:
    path = tmp_path / f"m{suffix}"
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(forest))
    else:
        joblib.dump(forest, path)
    with pytest.raises(UntrustedFile, match="is a pickle"):
        load_model(path)
    scores = load_model(path, trust=True, name="kept").answer(patients[0]).scores
    np.testing.assert_array_equal(scores, forest.predict_proba(patients[0]))


def test_which_files_run_code() -> None:
    assert [runs_code(f"m{s}") for s in (".pkl", ".PICKLE", ".joblib")] == [True] * 3
    assert [runs_code(f"m{s}") for s in (".skops", ".onnx", "")] == [False] * 3


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".skops", ".pkl"])
def test_a_truncated_file_is_bad_input(forest, tmp_path, share, suffix) -> None:
    path = tmp_path / f"m{suffix}"
    if suffix == ".skops":
        save_model(forest, path)
    else:
        path.write_bytes(pickle.dumps(forest))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadInput, match="truncated"):
        load_model(path, trust=True)


@pytest.mark.parametrize(
    ("name", "said"),
    [("absent.skops", "is not there"), ("folder.skops", "is not there"), ("m.txt", "no model")],
)
def test_what_is_no_model_file(tmp_path, name, said) -> None:
    (tmp_path / "folder.skops").mkdir()
    (tmp_path / "m.txt").write_text("x")
    with pytest.raises(BadInput, match=said):
        load_model(tmp_path / name)


def test_a_file_that_holds_no_model(tmp_path) -> None:
    path = tmp_path / "m.skops"
    save_model({"a": np.arange(3)}, path)
    with pytest.raises(BadInput, match="no predict"):
        load_model(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path) -> None:
    path = tmp_path / "m.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"\0" * (8 << 20))
    forged = path.read_bytes()
    size = (8 << 20).to_bytes(4, "little")
    assert forged.count(size) == 2
    path.write_bytes(forged.replace(size, (0xFFFFFFF0).to_bytes(4, "little")))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more", b"\0" * (8 << 20))
    with pytest.raises(BadInput, match="would unpack to"):
        load_model(path)


def test_saving_says_what_is_wrong(forest, tmp_path) -> None:
    with pytest.raises(BadInput, match=r"does not end in \.skops"):
        save_model(forest, tmp_path / "m.pkl")
    with pytest.raises(BadInput, match="cannot be written"):
        save_model(forest, tmp_path / "absent" / "m.skops")
    with pytest.raises(BadInput, match="cannot be saved as skops"):
        save_model(Birch(), tmp_path / "m.skops")


def test_a_full_disk_is_told(forest, tmp_path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "m.skops").symlink_to(full)
    with pytest.raises(BadInput, match="No space left"):
        save_model(forest, tmp_path / "m.skops")


def test_the_digest_is_of_the_bytes(tmp_path) -> None:
    (tmp_path / "m").write_bytes(b"abc")
    assert model_digest(tmp_path / "m").startswith("ba7816bf8f01cfea")
    with pytest.raises(BadInput, match="is not there"):
        model_digest(tmp_path / "absent")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([".skops", ".onnx", ".pkl"]))
def test_arbitrary_bytes_are_refused_in_our_words(tmp_path, raw, suffix) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(raw)
    with pytest.raises(ReticentError):
        load_model(path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mangled_schema_is_refused_or_answers(forest, patients, tmp_path, data) -> None:
    """Bits of the description of a real model are changed; the arrays stay."""
    good, bad = tmp_path / "m.skops", tmp_path / "bad.skops"
    if not good.exists():
        save_model(forest, good)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        for entry in old.namelist():
            held = bytearray(old.read(entry))
            if entry == "schema.json":
                for _ in range(data.draw(st.integers(1, 3))):
                    at = data.draw(st.integers(0, len(held) - 1))
                    held[at] = data.draw(st.integers(32, 126))
            new.writestr(entry, bytes(held))
    with contextlib.suppress(ReticentError):
        load_model(bad).answer(patients[0][:5])


def test_pandas_is_not_needed_to_name_columns() -> None:
    table = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    assert SklearnTarget(GaussianNB().fit(table, [0, 1])).columns == ("a", "b")


def test_a_model_in_several_files_is_named_by_all_of_them(tmp_path):
    for name in ("b.json", "a.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "aside").mkdir()
    files = files_at(tmp_path)
    assert [path.name for path in files] == ["a.safetensors", "b.json"]
    assert files_at(files[0]) == [files[0]]
    first = files_digest(files)
    assert files_digest(files) == first != files_digest(files[:1])
    files[0].rename(tmp_path / "aa.safetensors")
    assert files_digest(files_at(tmp_path)) != first
