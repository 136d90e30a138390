"""ReplayTarget: what was recorded, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression

from reticent.core import BadAnswer, BadInput, Channel, NotExposed
from reticent.targets.replay import ReplayTarget
from reticent.targets.sklearn import SklearnTarget


@pytest.fixture(scope="module")
def wine():
    x, y = load_wine(return_X_y=True, as_frame=True)
    x = x.iloc[:, :3]
    return x, SklearnTarget(LogisticRegression(max_iter=5000).fit(x, y))


@pytest.fixture
def log(wine):
    x, model = wine
    scores = pd.DataFrame(model.answer(x).scores, columns=["p0", "p1", "p2"])
    return pd.concat([x, scores], axis=1).assign(said=model.answer(x).labels)


def recorded(log, **more):
    return ReplayTarget.from_log(log, inputs=list(log.columns[:3]), **more)


def test_it_answers_as_the_model_did(wine, log) -> None:
    x, model = wine
    target = recorded(log, label="said", scores=["p0", "p1", "p2"], classes=(0, 1, 2))
    assert target.channels == Channel.LABEL | Channel.SCORES | Channel.TOP_K
    order = np.random.default_rng(0).permutation(len(x))
    found, expected = target.answer(x.iloc[order]), model.answer(x.iloc[order])
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(target.answer(x.to_numpy()).scores, model.answer(x).scores)


def test_rows_that_were_not_recorded_are_counted(wine, log) -> None:
    x, _ = wine
    target = recorded(log.head(100), label="said", name="march.csv")
    with pytest.raises(NotExposed, match=r"78 of 178 rows are not in the log march.csv"):
        target.answer(x)
    with pytest.raises(NotExposed, match="no weights"):
        target.weights()


def test_labels_alone_and_values_alone(log, wine) -> None:
    x, _ = wine
    labels = recorded(log, label="said")
    assert (labels.channels, labels.classes) == (Channel.LABEL, (0, 1, 2))
    values = recorded(log, value="p1")
    assert (values.channels, values.classes) == (Channel.VALUE, ())
    np.testing.assert_array_equal(values.answer(x).values, log["p1"])


def test_score_columns_name_the_classes_they_match(log) -> None:
    named = log.rename(columns={"p0": "0", "p1": "1", "p2": "2"})
    target = recorded(named, label="said", scores=["0", "1", "2"])
    assert target.classes == (0, 1, 2)
    assert recorded(named, scores=["0", "1", "2"]).classes == ("0", "1", "2")


def test_text_and_missing_inputs_are_found_again() -> None:
    log = pd.DataFrame({"s": ["a", None, "b"], "n": [1.0, np.nan, 3.0], "v": [1.0, 2.0, 3.0]})
    target = ReplayTarget.from_log(log, inputs=["s", "n"], value="v")
    asked = pd.DataFrame({"n": [np.nan, 3], "s": [np.nan, "b"]})
    assert target.answer(asked).values.tolist() == [2.0, 3.0]


def test_what_is_no_log(log) -> None:
    with pytest.raises(BadInput, match="'pp' is missing"):
        recorded(log, scores=["pp", "p1"])
    with pytest.raises(BadInput, match="no answer columns"):
        recorded(log)
    with pytest.raises(BadInput, match="one value"):
        recorded(log, value="p1", label="said")
    with pytest.raises(BadInput, match="holds no queries"):
        recorded(log.head(0), label="said")
    with pytest.raises(BadAnswer, match="sums to"):
        recorded(log, scores=["p0", "p1"])
    with pytest.raises(BadAnswer, match="none of its classes"):
        recorded(log, label="said", classes=(0, 1))


def test_an_input_with_two_answers_cannot_be_replayed(log) -> None:
    twice = pd.concat([log, log.head(3)], ignore_index=True)
    recorded(twice, scores=["p0", "p1", "p2"])
    twice.loc[len(log) + 1, "said"] = 2
    with pytest.raises(BadInput, match=rf"row {len(log) + 1} differently from row 1\."):
        recorded(twice, label="said")
