import numpy as np
import pytest

from reticent.core import BadInput, ImageSpace
from reticent.targets import load_torch

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(7)


def _graph(path, nodes, constants, *, shape, out):
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def _told(path, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x.astype(np.float32)})[-1]


def _f(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def test_a_convolutional_graph_answers_as_onnxruntime_does(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], pads=[1, 0, 2, 1], strides=[1, 2]),
        helper.make_node("BatchNormalization", ["a", "g", "h", "m", "v"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], pads=[1, 0, 0, 1]),
        helper.make_node("AveragePool", ["e"], ["f"], kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
        helper.make_node("GlobalAveragePool", ["f"], ["i"]),
        helper.make_node("Add", ["f", "i"], ["j"]),
        helper.make_node("Tanh", ["j"], ["k"]),
        helper.make_node("Reshape", ["k", "shape"], ["l"]),
        helper.make_node("Gemm", ["l", "u", "t"], ["o"], transB=1, alpha=0.5),
    ]
    x = RNG.random((3, 1, 8, 9))
    constants = {
        "w": _f(4, 1, 3, 3), "b": _f(4), "g": _f(4), "h": _f(4), "m": _f(4),
        "v": RNG.random(4).astype(np.float32) + 0.5,
        "shape": np.array([0, -1]), "t": _f(2),
    }  # fmt: skip
    path = tmp_path / "m.onnx"
    width = 4 * 9 * 4
    constants["u"] = _f(2, width)
    _graph(path, nodes, constants, shape=[1, 8, 9], out="o")
    model = load_torch(path, classes=(0, 1), images=ImageSpace(shape=(8, 9)))
    logits = _told(path, x)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        model.answer(x[:, 0]).scores, e / e.sum(axis=1, keepdims=True), atol=1e-5
    )
    inside = torch.tensor(x[:, 0], dtype=torch.float32, requires_grad=True)
    model.weights()(inside).sum().backward()
    assert inside.grad.abs().sum() > 0


def test_scikit_learns_exports_are_read(tmp_path):
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = RNG.random((60, 12)).astype(np.float32)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, x[:, :3].argmax(axis=1))
    exported = to_onnx(model, x[:1], options={"zipmap": False})
    path = tmp_path / "m.onnx"
    path.write_bytes(exported.SerializeToString())
    found = load_torch(
        path, classes=(0, 1, 2), answers="probabilities",
        images=ImageSpace(shape=(3, 4), flat=True), name="exported",
    )  # fmt: skip
    np.testing.assert_allclose(found.answer(x).scores, model.predict_proba(x), atol=1e-5)


def test_an_operation_without_counterpart_is_named(tmp_path):
    path = tmp_path / "m.onnx"
    _graph(path, [helper.make_node("Round", ["x"], ["o"])], {}, shape=[4], out="o")
    with pytest.raises(BadInput, match="Round"):
        load_torch(path, classes=(0, 1))


def test_a_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08nothing")
    with pytest.raises(BadInput):
        load_torch(path, classes=(0, 1))


def test_bent_steps_and_shapes_worked_out_on_the_way_answer_as_onnxruntime_does(tmp_path):
    nodes = [
        helper.make_node("Erf", ["x"], ["a"]),
        helper.make_node("Exp", ["a"], ["b"]),
        helper.make_node("HardSwish", ["b"], ["c"]),
        helper.make_node("Elu", ["c"], ["d"], alpha=0.7),
        helper.make_node("HardSigmoid", ["d"], ["e"], alpha=0.3),
        helper.make_node("Neg", ["e"], ["f"]),
        helper.make_node("Pow", ["f", "two"], ["g"]),
        helper.make_node("Sqrt", ["g"], ["h"]),
        helper.make_node("Shape", ["h"], ["size"]),
        helper.make_node("Gather", ["size", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "zeros"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["flat"], axis=0),
        helper.make_node("Reshape", ["h", "flat"], ["i"]),
        helper.make_node("MatMul", ["i", "w"], ["o"]),
    ]
    constants = {
        "two": np.float32(2.0),
        "zero": np.int64(0),
        "zeros": np.array([0]),
        "rest": np.array([-1]),
        "w": _f(12, 3),
    }
    path = tmp_path / "bent.onnx"
    _graph(path, nodes, constants, shape=[3, 4], out="o")
    x = RNG.random((5, 3, 4))
    images = ImageSpace(shape=(3, 4))
    model = load_torch(path, images=images, answers="embedding")
    np.testing.assert_allclose(model.answer(x).embeddings, _told(path, x), atol=1e-5)
