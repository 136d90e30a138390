"""ONNX graphs and torch modules: what comes out of them is found out, and said if it is not so."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit.images.digits import experiment

from reticent.audit.images.planted import noise
from reticent.audit.images.setup import image_experiment
from reticent.audit.save import load
from reticent.cli import main
from reticent.config import ImageConfig, parse
from reticent.core import BadInput, Channel

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("onnx-digits")
    subject = experiment()
    for name in ("training", "held_out", "public"):
        photos = getattr(subject, name)
        np.savez(found / f"{name}.npz", x=photos.x, y=photos.who)
    model = subject.target.weights()
    for name, last in (
        ("logits", []),
        ("scores", [helper.make_node("Softmax", ["z"], ["p"], axis=1)]),
        (
            "bent",  # a step that has no gradient
            [helper.make_node("Round", ["z"], ["e"]), helper.make_node("Softmax", ["e"], ["p"])],
        ),
    ):
        _graph(found / f"{name}.onnx", model, last)
    return found


def _graph(path: Path, model, last) -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["rows"]),
        helper.make_node("Gemm", ["rows", "w", "b"], ["z"], transB=1),
        *last,
    ]
    constants = {"w": model.coef_, "b": model.intercept_}
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("p" if last else "z", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path
    )


def configured(
    folder: Path,
    name: str,
    channels: list[str],
    explainer: str | None = None,
    layer: str | None = None,
    **model: object,
) -> ImageConfig:
    said = {"explainer": explainer, "layer": layer}
    beside = {key: value for key, value in said.items() if value is not None}
    body = {
        "modality": "image",
        "model": {"path": f"{name}.onnx", "owner": "We", "range": [0, 16], **model},
        "data": {"training": "training.npz", "held_out": "held_out.npz", "public": "public.npz"},
        "exposure": {"channels": channels, **beside},
    }
    return parse(body, ImageConfig).written_in(folder / "reticent.toml", {})


@pytest.mark.parametrize("name", ["logits", "scores"])
@pytest.mark.parametrize("channels", [["scores"], ["scores", "weights"]])
def test_logits_and_probabilities_are_told_apart(folder, name, channels):
    found, given = image_experiment(configured(folder, name, channels)), experiment()
    x = given.held_out.x[:30]
    ours = found.target.answer(found.space.inputs(x)).scores
    assert np.allclose(ours, given.target.answer(given.space.inputs(x)).scores, atol=1e-5)
    assert found.target.classes == tuple(range(10))
    assert bool(found.target.channels & Channel.WEIGHTS) is ("weights" in channels)


@pytest.mark.parametrize(
    ("name", "said", "found"),
    [("logits", "probabilities", "logits"), ("scores", "logits", "probabilities")],
)
def test_what_does_not_come_out_is_named(folder, name, said, found):
    for channels in (["scores"], ["scores", "weights"]):
        with pytest.raises(BadInput, match=f"model.answers is '{said}'.*: {found}"):
            image_experiment(configured(folder, name, channels, answers=said))


def test_classes_are_called_as_the_photos_are(folder, tmp_path):
    subject = experiment()
    for name in ("training", "held_out", "public"):
        photos = getattr(subject, name)
        np.savez(tmp_path / f"{name}.npz", x=photos.x, y=np.array([f"p{i}" for i in photos.who]))
    (tmp_path / "logits.onnx").write_bytes((folder / "logits.onnx").read_bytes())
    for channels in (["scores"], ["scores", "weights"]):
        found = image_experiment(configured(tmp_path, "logits", channels))
        assert found.target.classes == tuple(f"p{i}" for i in range(10))


def test_a_graph_without_gradients_is_asked_instead_and_the_report_says_so(folder):
    (folder / "bent.toml").write_text(
        'modality = "image"\n[model]\npath = "bent.onnx"\nowner = "We"\nrange = [0, 16]\n'
        '[data]\ntraining = "training.npz"\nheld_out = "held_out.npz"\npublic = "public.npz"\n'
        '[exposure]\nchannels = ["label", "weights"]\n'
        '[audit]\nattacks = ["image-inversion", "inverse-map"]\n'
        'judges = ["network", "lda", "gradients"]\n'
    )
    assert main(["audit", str(folder / "bent.toml"), "--out", str(folder / "out"), "--quiet"]) == 1
    record = load(folder / "out" / "record.json")
    assert [(c.attack, c.access) for c in record.cells] == [("inverse-map", "label")]
    (said,) = (w for w in record.data.warnings if "no gradients" in w)
    assert "uses the operation Round" in said
    (skipped,) = (n for n in record.not_run if n.what == "image-inversion")
    assert skipped.kind == "failed"  # weights that get out are no "nothing found"
    assert skipped.why == "The weights get out, and this model's gradients cannot be read here."
    (twin,) = (c for c in record.controls if "twins" in c.name)
    assert twin.name.startswith("stand-ins for twins")
    assert "Round" in (folder / "out" / "report.html").read_text("utf-8")


def test_a_graph_without_gradients_cannot_explain_itself(folder):
    config = configured(folder, "bent", ["label", "explanation"], explainer="saliency")
    with pytest.raises(BadInput, match="no gradients here, so that nothing can explain"):
        image_experiment(config)


def test_what_a_graph_works_out_on_the_way_is_an_inner_layer(folder):
    config = configured(folder, "scores", ["scores", "intermediate"], layer="at.z")
    found, model = image_experiment(config), experiment().target.weights()
    x = found.space.inputs(found.held_out.x[:4])
    inner = found.target.answer(x).intermediate
    assert np.allclose(inner, model.decision_function(x.reshape(4, -1)), atol=1e-3)
    with pytest.raises(BadInput, match=r"no layer 'z'.*at\.rows, at\.z, at\.p"):
        image_experiment(configured(folder, "scores", ["intermediate"], layer="z"))


def test_a_graph_that_answers_with_vectors_is_an_embedder_with_gradients_or_without(folder):
    for name in ("logits", "bent"):
        for channels in (["embedding"], ["embedding", "weights"]):
            if name == "bent" and "weights" in channels:
                continue
            config = configured(folder, name, channels, answers="embedding")
            found = image_experiment(config)
            x = found.space.inputs(found.held_out.x[:3])
            assert found.embeds
            assert found.target.answer(x).embeddings.shape == (3, 10)
            assert found.k == 10


def test_scikit_learns_graphs_answer_alike_through_torch(folder):
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common.data_types import FloatTensorType

    model = experiment().target.weights()
    graph = skl2onnx.convert_sklearn(
        model, initial_types=[("x", FloatTensorType([None, 64]))], options={"zipmap": False}
    )
    (folder / "sk.onnx").write_bytes(graph.SerializeToString())
    config = configured(folder, "sk", ["scores", "weights"], layout="flat")
    found, given = image_experiment(config), experiment()
    x = given.held_out.x[:30]
    ours = found.target.answer(found.space.inputs(x)).scores
    assert found.target.channels & Channel.WEIGHTS
    assert np.allclose(ours, given.target.answer(given.space.inputs(x)).scores, atol=1e-4)
    # Its weights stand in a node, out of reach: what never learned is another model.
    blank = noise(found, np.random.default_rng(0))
    told = blank.target.answer(blank.space.inputs(given.training.x)).labels
    assert (told == given.training.who).mean() < 0.4


def test_weights_are_inverted_through_the_graph(folder):
    text = (
        'modality = "image"\n[model]\npath = "scores.onnx"\nowner = "We"\nrange = [0, 16]\n'
        '[data]\ntraining = "training.npz"\nheld_out = "held_out.npz"\n'
        '[exposure]\nchannels = ["weights"]\n'
        '[audit]\njudges = ["network", "lda", "gradients"]\n'
    )
    (folder / "white.toml").write_text(text)
    out = folder / "white"
    assert main(["audit", str(folder / "white.toml"), "--out", str(out), "--quiet"]) == 1
    (cell,) = load(out / "record.json").cells
    assert (cell.attack, cell.access, cell.notes["gradient"]) == (
        "image-inversion",
        "weights",
        "torch",
    )
    assert cell.primary.estimate >= 0.9


def test_reading_a_configuration_again_gives_the_same_audit(folder):
    one = image_experiment(configured(folder, "logits", ["scores"]))
    two = image_experiment(configured(folder, "logits", ["scores"]))
    assert one.digest == two.digest
    assert one.digest != replace(two, seed=2).digest


def test_a_package_that_is_missing_is_named_with_its_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    found = image_experiment(configured(folder, "logits", ["scores", "weights"]))
    assert any("pip install 'reticent[onnx]'" in warning for warning in found.warnings)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInput, match=r"pip install 'reticent\[onnx\]'"):
        image_experiment(configured(folder, "logits", ["scores"]))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BadInput, match=r"pip install 'reticent\[torch\]'"):
        image_experiment(configured(folder, "logits", ["scores"], kind="torch"))
