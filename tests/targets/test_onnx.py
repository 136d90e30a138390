"""OnnxTarget: the same answers as the estimator it was exported from."""

import contextlib
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from reticent.core import BadAnswer, BadInput, Channel, NotExposed, ReticentError
from reticent.targets._onnx_classes import class_lists
from reticent.targets.files import load_model
from reticent.targets.onnx import OnnxTarget
from reticent.targets.sklearn import SklearnTarget

NAMES = np.array(["barolo", "grignolino", "barbera"])


def wine(names=False):
    x, y = load_wine(return_X_y=True)
    x = StandardScaler().fit_transform(x).astype(np.float32)
    return x, NAMES[y] if names else y


def exported(model, x, path, **options):
    path.write_bytes(to_onnx(model, x[:1], **options).SerializeToString())
    return path


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RandomForestClassifier(20, random_state=0),
        MLPClassifier(max_iter=900),
        KNeighborsClassifier(),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_classifier_agrees_with_its_estimator(model, names, zipmap, tmp_path) -> None:
    x, y = wine(names)
    y = y if names else y + 1  # not 0..k-1, so that nothing is right by accident
    model.fit(x[::2], y[::2])
    path = exported(model, x, tmp_path / "m.onnx", options={"zipmap": zipmap})
    target = load_model(path)
    assert set(target.classes) == set(y.tolist())
    assert target.classes == SklearnTarget(model).classes
    assert target.channels == Channel.LABEL | Channel.SCORES | Channel.TOP_K
    answer = target.answer(x)
    np.testing.assert_allclose(answer.scores, model.predict_proba(x), atol=2e-6)
    assert (model.classes_[answer.labels] == model.predict(x)).mean() > 0.99
    np.testing.assert_array_equal(answer.labels, answer.scores.argmax(axis=1))


@pytest.mark.parametrize("model", [Ridge(), RandomForestRegressor(10, random_state=0)])
def test_a_regressor_agrees_with_its_estimator(model, tmp_path) -> None:
    x, y = load_diabetes(return_X_y=True)
    x = x.astype(np.float32)
    target = load_model(exported(model.fit(x, y), x, tmp_path / "m.onnx"))
    assert (target.channels, target.classes) == (Channel.VALUE, ())
    np.testing.assert_allclose(target.answer(x).values, model.predict(x), rtol=1e-4)


def survey(path):
    x, y = load_breast_cancer(return_X_y=True)
    table = pd.DataFrame(
        {"area": x[:, 3], "depth": x[:, 5], "ward": np.where(x[:, 0] > 14, "n", "s")}
    )
    table["ward"] = table["ward"].astype(object)
    cells = make_column_transformer(
        (StandardScaler(), ["area", "depth"]), (OneHotEncoder(), ["ward"])
    )
    model = make_pipeline(cells, LogisticRegression()).fit(table, y)
    kinds = [
        ("area", FloatTensorType([None, 1])),
        ("depth", FloatTensorType([None, 1])),
        ("ward", StringTensorType([None, 1])),
    ]
    path.write_bytes(to_onnx(model, initial_types=kinds).SerializeToString())
    return model, table


def test_several_inputs_are_asked_by_name(tmp_path) -> None:
    model, table = survey(tmp_path / "m.onnx")
    target = load_model(tmp_path / "m.onnx")
    assert target.columns == ("area", "depth", "ward")
    shuffled = table[["ward", "depth", "area"]].assign(other=0)
    found = target.answer(shuffled).scores
    np.testing.assert_allclose(found, model.predict_proba(table), atol=1e-5)
    with pytest.raises(BadInput, match="Column 'depth' is missing"):
        target.answer(table.drop(columns="depth"))
    with pytest.raises(BadInput, match="'ward' takes text"):
        target.answer(table.assign(ward=np.nan))
    with pytest.raises(BadInput, match=r"'area' .* takes numbers"):
        target.answer(table.assign(area="wide"))


def test_chunks_and_processes_change_nothing(tmp_path) -> None:
    x, y = wine()
    path = exported(RandomForestClassifier(5).fit(x, y), x, tmp_path / "m.onnx")
    whole = OnnxTarget(path).answer(x)
    np.testing.assert_array_equal(OnnxTarget(path, chunk_rows=7).answer(x).scores, whole.scores)
    again = pickle.loads(pickle.dumps(OnnxTarget(path)))
    np.testing.assert_array_equal(again.answer(x).scores, whole.scores)


def test_margins_are_refused_or_left_out(tmp_path) -> None:
    x, y = wine(names=True)
    model = LinearSVC().fit(x, y)
    path = exported(model, x, tmp_path / "m.onnx")
    with pytest.raises(BadAnswer, match="expose labels only"):
        OnnxTarget(path).answer(x)
    target = OnnxTarget(path, labels_only=True)
    assert target.channels == Channel.LABEL
    assert (np.array(target.classes)[target.answer(x).labels] == model.predict(x)).mean() > 0.99


def test_a_wrong_width_and_the_weights_are_refused(tmp_path) -> None:
    x, y = wine()
    target = load_model(exported(LogisticRegression().fit(x, y), x, tmp_path / "m.onnx"))
    with pytest.raises(BadInput, match="takes 13 columns"):
        target.answer(x[:, :4])
    with pytest.raises(NotExposed):
        target.weights()


def graph(path, nodes, inputs, outputs):
    made = helper.make_graph(nodes, "g", inputs, outputs)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def test_probabilities_alone_are_a_classifier(tmp_path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
    p = helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 3])
    node = helper.make_node("Softmax", ["x"], ["p"], axis=1)
    target = OnnxTarget(graph(tmp_path / "m.onnx", [node], [x], [p]))
    assert target.classes == (0, 1, 2)
    answer = target.answer(np.array([[0.0, 5.0, 0.0]]))
    assert answer.labels.tolist() == [1]


def test_whole_number_inputs_are_never_rounded(tmp_path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.INT64, [None, 1])
    v = helper.make_tensor_value_info("v", TensorProto.FLOAT, [None, 1])
    node = helper.make_node("Cast", ["x"], ["v"], to=TensorProto.FLOAT)
    target = OnnxTarget(graph(tmp_path / "m.onnx", [node], [x], [v]))
    assert target.answer(np.array([[3.0]])).values.tolist() == [3.0]
    for bad in (0.5, np.nan):
        with pytest.raises(BadInput, match="whole numbers"):
            target.answer(np.array([[bad]]))


def test_one_row_at_a_time_where_the_graph_wants_it(tmp_path) -> None:
    for rows, fine in ((1, True), (4, False)):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 1])
        v = helper.make_tensor_value_info("v", TensorProto.FLOAT, [rows, 1])
        node = helper.make_node("Identity", ["x"], ["v"])
        path = graph(tmp_path / "m.onnx", [node], [x], [v])
        if fine:
            assert OnnxTarget(path).answer(np.array([[1.0], [2.0]])).values.tolist() == [1.0, 2.0]
        else:
            with pytest.raises(BadInput, match="exactly 4 rows"):
                OnnxTarget(path)


def test_outputs_that_are_no_answer_are_refused(tmp_path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    outs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 1]) for n in "ab"]
    nodes = [helper.make_node("Identity", ["x"], [n]) for n in "ab"]
    with pytest.raises(BadInput, match="has the outputs a: "):
        OnnxTarget(graph(tmp_path / "m.onnx", nodes, [x], outs))


def test_the_extra_is_named_if_it_is_missing(tmp_path, monkeypatch) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInput, match=r"reticent\[onnx\]"):
        load_model(tmp_path / "m.onnx")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_a_truncated_graph_is_bad_input(tmp_path, share) -> None:
    x, y = wine()
    path = exported(LogisticRegression().fit(x, y), x, tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(BadInput, match="cannot be loaded as ONNX"):
        load_model(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mangled_graph_is_refused_or_answers(tmp_path, data) -> None:
    good, bad = tmp_path / "m.onnx", tmp_path / "bad.onnx"
    x, y = wine()
    if not good.exists():
        exported(LogisticRegression().fit(x, y), x, good)
    held = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        held[data.draw(st.integers(0, len(held) - 1))] = data.draw(st.integers(0, 255))
    bad.write_bytes(bytes(held))
    with contextlib.suppress(ReticentError):
        load_model(bad).answer(x[:3])


@given(st.binary(max_size=200))
def test_the_walk_over_bytes_ends(raw) -> None:
    with contextlib.suppress(IndexError, UnicodeDecodeError):
        class_lists(raw)
