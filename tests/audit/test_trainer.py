"""Clones of the model and built-in learners: seeded all through, and never the model itself."""

import numpy as np
import pandas as pd
import pytest
from audit.models import people
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from reticent.audit.trainer import SklearnTrainer, builtin_learner, trainer_for
from reticent.core import BadInput, Channel
from reticent.targets.function import FunctionTarget
from reticent.targets.sklearn import SklearnTarget

WINE, KIND = load_wine(return_X_y=True)


def mixed(n=150):
    x, y = people()
    table = x.iloc[:n].copy()
    table["town"] = np.where(np.arange(n) % 3 == 0, "Oslo", "Bergen")
    table.loc[table.index[5], "educ"] = np.nan
    return table, y[:n]


def test_the_digest_names_the_recipe_and_not_the_fit():
    tree = DecisionTreeClassifier(max_depth=3)
    digest = SklearnTrainer(tree).digest
    assert SklearnTrainer(DecisionTreeClassifier(max_depth=3).fit(WINE, KIND)).digest == digest
    others = [
        DecisionTreeClassifier(max_depth=4),
        DecisionTreeRegressor(max_depth=3),
        make_pipeline(tree),
        make_pipeline(StandardScaler(), tree),
        make_pipeline(StandardScaler(with_mean=False), tree),
        BaggingClassifier(tree),
        BaggingClassifier(DecisionTreeClassifier(max_depth=4)),
    ]
    assert len({digest, *(SklearnTrainer(other).digest for other in others)}) == 8


def test_the_model_itself_is_never_touched():
    model = RandomForestClassifier(5, random_state=0, n_jobs=2).fit(WINE, KIND)
    before = model.predict_proba(WINE)
    copy = SklearnTrainer(model).fit(WINE[:60], KIND[:60], 9)
    np.testing.assert_array_equal(model.predict_proba(WINE), before)
    assert (model.random_state, model.n_jobs) == (0, 2)
    assert copy.weights() is not model
    assert copy.weights().n_jobs == 1  # work is shared out over models


def test_the_seed_decides_and_nothing_else():
    trainer = SklearnTrainer(RandomForestClassifier(5, random_state=0))
    one, same, other = (trainer.fit(WINE, KIND, seed).answer(WINE).scores for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_every_part_of_a_nest_gets_a_seed_of_its_own():
    nest = make_pipeline(
        StandardScaler(),
        VotingClassifier(
            [
                ("bag", BaggingClassifier(DecisionTreeClassifier(random_state=0), 2, n_jobs=2)),
                ("forest", RandomForestClassifier(2, random_state=0)),
                ("line", SGDClassifier(loss="log_loss")),
            ]
        ),
    )
    fitted = SklearnTrainer(nest).fit(WINE, KIND, 4).weights()
    params = fitted.get_params(deep=True)
    seeds = [v for name, v in params.items() if name.endswith("random_state")]
    assert len(seeds) == 4
    assert len(set(seeds)) == 4
    assert not {0, None} & set(seeds)
    assert params["votingclassifier__bag__n_jobs"] == 1


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_boosting_libraries_are_cloned_with_their_settings(library):
    if library == "lightgbm":
        kind = pytest.importorskip("lightgbm").LGBMClassifier
        model = kind(n_estimators=4, num_leaves=5, subsample=0.5, subsample_freq=1, verbose=-1)
    else:
        kind = pytest.importorskip("xgboost").XGBClassifier
        model = kind(n_estimators=4, max_depth=2, subsample=0.5, n_jobs=2)
    trainer = SklearnTrainer(model.fit(WINE, KIND))
    copy = trainer.fit(WINE[::2], KIND[::2], 1)
    assert copy.classes == (0, 1, 2)
    assert copy.weights().get_params()["n_estimators"] == 4
    assert copy.weights().get_params()["n_jobs"] in (None, 1)
    other = trainer.fit(WINE[::2], KIND[::2], 2)
    assert not np.array_equal(copy.answer(WINE).scores, other.answer(WINE).scores)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", ["forest", "boosting", "logistic", "mlp"])
def test_builtin_learners_take_words_and_numbers(name, task):
    x, y = mixed()
    x = x.fillna({"educ": 14.0})
    learner = builtin_learner(name, task=task, x=x)
    if name in ("forest", "mlp"):
        quick = {"forest": {"n_estimators": 5}, "mlp": {"max_iter": 300, "tol": 10.0}}[name]
        learner.steps[-1][1].set_params(**quick)
    outcome = y if task == "classification" else x["age"].to_numpy()
    model = SklearnTrainer(learner).fit(x, outcome, 1)
    strange = x.assign(town="Nuuk")  # a word that no training row had
    answer = model.answer(strange)
    assert len(answer) == len(x)
    part = answer.scores if task == "classification" else answer.values
    assert np.isfinite(part).all()


def test_builtin_learners_take_arrays():
    for name in ("forest", "logistic"):
        model = SklearnTrainer(builtin_learner(name, task="classification", x=WINE)).fit(
            WINE, KIND, 1
        )
        assert (model.answer(WINE).labels == KIND).mean() > 0.9


def test_an_unknown_learner_is_named():
    with pytest.raises(BadInput, match=r"'jungle'.*'forest'"):
        builtin_learner("jungle", task="classification", x=WINE)


def test_same_means_a_clone_and_a_model_without_weights_has_none():
    model = LogisticRegression(max_iter=5000).fit(WINE, KIND)
    trainer = trainer_for(SklearnTarget(model, name="m"), "same", task="classification", x=WINE)
    assert trainer.estimator is model
    shut = FunctionTarget(function=model.predict, returns="labels", classes=(0, 1, 2))
    assert Channel.WEIGHTS not in shut.channels
    assert trainer_for(shut, "same", task="classification", x=WINE) is None
    assert trainer_for(shut, "forest", task="classification", x=WINE) is not None


def test_a_factory_is_called_by_name():
    model = SklearnTarget(DecisionTreeClassifier().fit(WINE, KIND), name="m")
    named = "sklearn.naive_bayes:GaussianNB"
    trainer = trainer_for(model, named, task="classification", x=WINE)
    assert type(trainer.estimator).__name__ == "GaussianNB"
    for wrong in ("sklearn.naive_bayes:Nobody", "no.such.module:f", "sklearn.pipeline:Pipeline"):
        with pytest.raises(BadInput, match=r"could not be called") as caught:
            trainer_for(model, wrong, task="classification", x=WINE)
        assert "without arguments" in caught.value.way_out


def test_a_learner_that_cannot_be_trained_names_the_way_out():
    x, y = mixed()
    with pytest.raises(BadInput, match="could not be trained on 150 rows") as caught:
        SklearnTrainer(LogisticRegression()).fit(x, y, 1)
    assert "model.reference" in caught.value.way_out


def test_regressors_are_cloned_too():
    x, y = load_diabetes(return_X_y=True)
    model = SklearnTrainer(DecisionTreeRegressor(max_depth=2)).fit(x[:100], y[:100], 1)
    assert model.classes == ()
    assert model.answer(x).values.shape == (len(x),)
    assert isinstance(pd.Series(model.answer(x).values).nunique(), int)
