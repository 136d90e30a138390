"""SklearnTarget: the model's own answers, in the vocabulary's terms, or a clear refusal."""

import warnings

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from statsmodels.datasets import fair
from xgboost import XGBClassifier

from reticent.core import BadAnswer, BadInput, Channel
from reticent.targets.sklearn import _ARGMAX, SklearnTarget, _qualified

SCORED = Channel.LABEL | Channel.SCORES | Channel.TOP_K | Channel.WEIGHTS


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def women():
    """Real survey records as a table with named columns, one of them text."""
    table = fair.load_pandas().data.iloc[::5].reset_index(drop=True)
    table["occupation"] = table["occupation"].map(lambda v: f"job {v:.0f}").astype(object)
    return table.drop(columns="affairs"), np.where(table["affairs"] > 0, "yes", "no")


@pytest.fixture(scope="module")
def survey_model(women):
    numbers = ["rate_marriage", "age", "yrs_married", "children", "religious", "educ"]
    cells = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["occupation"]))
    return make_pipeline(cells, LogisticRegression()).fit(*women)


ARGMAX_MODELS = [
    ExtraTreesClassifier(10, random_state=0),
    RandomForestClassifier(10, random_state=0),
    GradientBoostingClassifier(n_estimators=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    LogisticRegression(max_iter=5000),
    GaussianNB(),
    MLPClassifier(max_iter=2000, random_state=0),
    DecisionTreeClassifier(max_depth=2, random_state=0),
    LGBMClassifier(n_estimators=5, verbose=-1),
    XGBClassifier(n_estimators=5),
]


@pytest.mark.parametrize("model", ARGMAX_MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
def test_one_call_answers_both_where_predict_is_the_argmax(model, load) -> None:
    x, y = load(return_X_y=True)
    x, y = x[:500], y[:500]
    model = clone(model).fit(x[::2], y[::2])
    assert _qualified(model) in _ARGMAX
    answer = SklearnTarget(model).answer(x)
    np.testing.assert_array_equal(model.classes_[answer.labels], model.predict(x))
    np.testing.assert_array_equal(answer.scores, model.predict_proba(x).astype(np.float64))
    assert answer.scores.dtype == np.float64


def test_every_model_that_is_asked_once_is_tested_above() -> None:
    assert {_qualified(model) for model in ARGMAX_MODELS} == _ARGMAX


def test_a_tuned_threshold_speaks_through_its_own_predict(wine) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    model = FixedThresholdClassifier(inner, threshold=0.95).fit(x, y)
    answer = SklearnTarget(model).answer(x)
    np.testing.assert_array_equal(answer.labels, model.predict(x))
    assert (answer.labels != answer.scores.argmax(axis=1)).any()


def test_margins_are_no_probabilities(wine) -> None:
    x, y = wine
    for model in (LinearSVC(), SVC()):
        target = SklearnTarget(make_pipeline(StandardScaler(), model).fit(x, y))
        assert target.channels == Channel.LABEL | Channel.WEIGHTS
        assert target.answer(x).scores is None
        np.testing.assert_array_equal(target.answer(x).labels, target.model.predict(x))


def test_a_regressor_answers_values() -> None:
    x, y = load_diabetes(return_X_y=True)
    for model in (Ridge(), RandomForestRegressor(5), LGBMRegressor(n_estimators=3, verbose=-1)):
        target = SklearnTarget(model.fit(x, y))
        assert target.channels == Channel.VALUE | Channel.WEIGHTS
        assert target.classes == ()
        np.testing.assert_array_equal(target.answer(x).values, model.predict(x))
        assert target.weights() is model


def test_small_probabilities_survive() -> None:
    x, y = load_digits(return_X_y=True)
    model = MLPClassifier((64,), max_iter=300, random_state=0).fit(x, y)
    scores = SklearnTarget(model).answer(x).scores
    np.testing.assert_array_equal(scores, model.predict_proba(x))
    assert 0 < scores.min() < 1e-9


def test_class_values_are_kept(survey_model) -> None:
    target = SklearnTarget(survey_model)
    assert target.classes == ("no", "yes")
    assert target.channels == SCORED
    assert target.name == "Pipeline"


def test_columns_are_picked_and_put_in_order(survey_model, women) -> None:
    x, _ = women
    target = SklearnTarget(survey_model, name="survey")
    assert target.columns == tuple(x.columns)
    shuffled = x[list(reversed(x.columns))].assign(extra=1)
    expected = survey_model.predict_proba(x)
    np.testing.assert_array_equal(target.answer(shuffled).scores, expected)


def test_a_model_that_minds_the_order_gets_its_own(wine) -> None:
    x, y = wine
    table = pd.DataFrame(x[:, :3], columns=["a", "b", "c"])
    target = SklearnTarget(GaussianNB().fit(table, y))
    shuffled = table[["c", "a", "b"]].assign(extra=1)
    np.testing.assert_array_equal(target.answer(shuffled).scores, target.answer(table).scores)


def test_a_missing_column_is_named_with_what_comes_close(survey_model, women) -> None:
    x, _ = women
    renamed = x.rename(columns={"religious": "religion"})
    with pytest.raises(BadInput, match=r"Column 'religious' is missing; survey .*'religion'"):
        SklearnTarget(survey_model, name="survey").answer(renamed)


def test_text_may_be_object_string_or_category(survey_model, women) -> None:
    x, _ = women
    target = SklearnTarget(survey_model)
    expected = target.answer(x).scores
    for kind in ("category", "str"):
        same = x.astype({"occupation": kind})
        np.testing.assert_array_equal(target.answer(same).scores, expected)


def test_an_array_is_given_the_models_names_without_a_warning(wine) -> None:
    x, y = wine
    names = [f"c{i}" for i in range(x.shape[1])]
    target = SklearnTarget(RandomForestClassifier(5).fit(pd.DataFrame(x, columns=names), y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(target.answer(x)) == len(x)
    with pytest.raises(BadInput, match="takes 13 columns"):
        target.answer(x[:, :5])


def test_a_table_is_an_array_to_a_model_without_names(wine) -> None:
    x, y = wine
    target = SklearnTarget(GaussianNB().fit(x, y))
    assert target.columns == ()
    table = pd.DataFrame(x)
    np.testing.assert_array_equal(target.answer(table).scores, target.answer(x).scores)
    boosted = SklearnTarget(LGBMClassifier(n_estimators=2, verbose=-1).fit(x, y))
    assert boosted.columns == ()  # its made-up names are not columns


@pytest.mark.parametrize("rows", [1, 7, 10_000])
def test_chunks_change_nothing(wine, rows) -> None:
    x, y = wine
    model = RandomForestClassifier(5, random_state=0).fit(x, y)
    whole, parts = SklearnTarget(model).answer(x), SklearnTarget(model, chunk_rows=rows).answer(x)
    np.testing.assert_array_equal(whole.scores, parts.scores)
    np.testing.assert_array_equal(whole.labels, parts.labels)


def test_no_questions_no_answers(wine) -> None:
    x, y = wine
    assert SklearnTarget(GaussianNB().fit(x, y)).answer(x[:0]).scores.shape == (0, 3)
    assert SklearnTarget(LinearRegression().fit(x, y)).answer(x[:0]).values.shape == (0,)


@pytest.mark.parametrize("kind", [LGBMClassifier, XGBClassifier])
def test_boosters_take_the_text_they_were_trained_on(women, kind) -> None:
    x, y = women
    trained_on = x.astype({"occupation": "category"})
    settings = {"enable_categorical": True} if kind is XGBClassifier else {"verbose": -1}
    codes = (y == "yes").astype(int)
    model = kind(n_estimators=5, **settings).fit(trained_on, codes)
    # A block in which one category does not occur must not shift the codes of the others.
    block = x[x["occupation"] != "job 2"].reset_index(drop=True)
    expected = model.predict_proba(trained_on)[(x["occupation"] != "job 2").to_numpy()]
    np.testing.assert_array_equal(SklearnTarget(model).answer(block).scores, expected)


class Raises(ClassifierMixin, BaseEstimator):
    def fit(self, x, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, x):
        raise RuntimeError("out of cheese\nsecond line")

    def predict_proba(self, x):
        return self.predict(x)


class Says(ClassifierMixin, BaseEstimator):
    def __init__(self, p=(), classes=(0, 1), labels=None):
        self.p, self.classes, self.labels = p, classes, labels
        self.classes_ = np.array(classes)

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.array(self.labels if self.labels is not None else [0] * len(x))

    def predict_proba(self, x):
        return np.array([self.p] * len(x), dtype=np.float32)


class SaysValue(RegressorMixin, BaseEstimator):
    def __init__(self, value=0.0):
        self.value = value

    def fit(self, x, y):
        self.fitted_ = True
        return self

    def predict(self, x):
        return np.array([self.value] * len(x))


def test_what_a_model_raises_is_told() -> None:
    with pytest.raises(BadAnswer, match=r"^m raised RuntimeError: out of cheese Ask") as raised:
        SklearnTarget(Raises().fit(None, None), name="m").answer(np.zeros((3, 1)))
    assert isinstance(raised.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("p", "said"),
    [
        ((0.6, 0.6), "sums to 1.2"),
        ((np.nan, 1.0), "must be numbers"),
        ((-0.5, 1.5), r"\[0, 1\]"),
        ((0.2, 0.3, 0.5), "2 classes"),
    ],
)
def test_nonsense_is_no_answer(p, said) -> None:
    with pytest.raises(BadAnswer, match=said):
        SklearnTarget(Says(p), name="m").answer(np.zeros((3, 1)))


def test_an_unknown_label_is_no_answer() -> None:
    with pytest.raises(BadAnswer, match="answered 7, which is none of its classes"):
        SklearnTarget(Says((0.5, 0.5), labels=[0, 7, 1])).answer(np.zeros((3, 1)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_must_be_finite(value) -> None:
    with pytest.raises(BadAnswer, match="values must be finite"):
        SklearnTarget(SaysValue(value).fit(None, None)).answer(np.zeros((3, 1)))


def test_float32_probabilities_are_widened_and_left() -> None:
    p = np.array([0.1, 0.9], dtype=np.float32)
    scores = SklearnTarget(Says(tuple(p))).answer(np.zeros((2, 1))).scores
    np.testing.assert_array_equal(scores[0], p.astype(np.float64))
    assert scores[0].sum() != 1.0


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (RandomForestClassifier(), "not fitted"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "not fitted"),
        (KMeans(2).fit(np.arange(8.0)[:, None]), "neither a classifier nor a regressor"),
        (
            IsolationForest(n_estimators=5).fit(np.arange(8.0)[:, None]),
            "neither a classifier nor a regressor",
        ),
        (StandardScaler().fit(np.arange(8.0)[:, None]), "no predict"),
        (RandomForestClassifier, "no predict"),
        ({"a": 1}, "no predict"),
    ],
)
def test_what_cannot_be_audited_is_refused_at_once(model, said) -> None:
    with pytest.raises(BadInput, match=said):
        SklearnTarget(model)


def test_several_outputs_are_refused(wine) -> None:
    x, y = wine
    both = np.column_stack([y, y])
    for model in (RandomForestClassifier(3), MultiOutputClassifier(GaussianNB())):
        with pytest.raises(BadInput, match="several outputs"):
            SklearnTarget(model.fit(x, both))
    with pytest.raises(BadInput, match="several outputs"):
        SklearnTarget(RandomForestRegressor(3).fit(x, both))
    with pytest.raises(BadAnswer, match="answers 2 outputs"):
        SklearnTarget(LinearRegression().fit(x, both)).answer(x)
