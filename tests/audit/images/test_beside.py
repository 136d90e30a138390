"""Vectors, explanations and inner layers: what is said beside an answer is attacked and checked."""

from pathlib import Path

import numpy as np
import pytest
from audit.images.torch_digits import lay_out, written

from reticent.audit.record import Record
from reticent.audit.save import load
from reticent.cli import main

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("torch-digits")
    lay_out(found)
    return found


def audited(file: Path, *more: str) -> tuple[int, Record]:
    out = file.parent / "out"
    code = main(["audit", str(file), "--out", str(out), "--quiet", *more])
    return code, load(out / "record.json")


@pytest.fixture(scope="module")
def template(folder: Path) -> Record:
    policies = (
        '[[policy]]\nname = "open"\n[[policy]]\nname = "rotated"\ndefences = [{kind = "rotate"}]\n'
    )
    code, record = audited(
        written(
            folder,
            'call = "digits_networks:vectors"\nanswers = "embedding"',
            'channels = ["embedding", "weights"]',
            "ppv_declared = 0.15",
            rest=policies,
        )
    )
    assert code == 1
    return record


def test_the_face_behind_a_vector_is_sought_by_endpoint_and_by_network(template):
    cells = {(c.access, c.policy): c for c in template.cells}
    assert set(cells) == {(a, p) for a in ("weights", "embedding") for p in ("open", "rotated")}
    assert {c.seen for c in template.cells} == {"vectors"}
    assert cells["weights", "open"].primary.lower > 0.1
    assert cells["weights", "open"].queries == 0
    assert cells["embedding", "open"].queries == 400
    assert template.model.task == "embedding"
    assert template.model.score_name == "identification"
    assert template.model.test_score > 0.3


def test_a_secret_turn_shuts_out_who_holds_the_network_and_costs_nothing(template):
    (rotated,) = (c for c in template.cells if (c.access, c.policy) == ("weights", "rotated"))
    assert rotated.primary.lower <= 0.1
    before, after = next(p for p in template.policies if p.name == "rotated").utility
    assert (before.metric, after.metric) == ("identification_before", "identification_after")
    assert before.estimate == pytest.approx(after.estimate, abs=0.02)


def test_vectors_of_nobody_show_nobody_and_thumbnails_everybody(template):
    controls = {c.name: c for c in template.controls}
    assert controls["planted thumbnails (template-inversion, weights)"].passed
    assert controls["vectors of nobody (template-inversion, weights)"].passed
    assert all(c.passed for c in template.controls)


def test_attacks_on_classes_say_that_vectors_are_none(template):
    why = {n.what: n.why for n in template.not_run}
    assert why["image-inversion"] == "It works on classes; this model answers with vectors."


@pytest.fixture(scope="module", params=["saliency", "attribution", "prototype"])
def fields(folder: Path, request: pytest.FixtureRequest) -> Record:
    code, record = audited(
        written(
            folder,
            'call = "digits_networks:build"\nrecipe = "digits_networks:train"',
            'channels = ["label", "scores", "explanation", "intermediate"]\n'
            f'explainer = "{request.param}"\nlayer = "1"',
            'attacks = ["explained-pictures", "inverse-map"]',
            rest='[[policy]]\nname = "open"\n[[policy]]\nname = "round-2"\n'
            'defences = [{kind = "round", digits = 2}]\n',
        )
    )
    assert code == 1
    return record


def test_each_field_is_measured_alone_and_all_together(fields):
    found = {(c.attack, c.access, c.policy): c for c in fields.cells}
    assert set(found) == {
        ("explained-pictures", "intermediate", "open"),
        ("explained-pictures", "explanation", "open"),
        ("inverse-map", "scores", "open"),
        ("inverse-map", "label", "open"),
        ("inverse-map", "scores", "round-2"),
        ("all-fields", "together", "open"),
    }
    together = found["all-fields", "together", "open"]
    parts = [c for c in fields.cells if c.policy == "open" and c is not together]
    assert together.seen == "inner layer"
    assert together.queries == sum(c.queries for c in parts)
    assert set(together.notes["share"]) == {c.access for c in parts}
    assert together.primary.estimate >= 0.5
    explained = found["explained-pictures", "explanation", "open"]
    assert explained.primary.lower > 0.1
    assert explained.settings["kind"] in ("saliency", "attribution", "prototype")


def test_what_stands_beside_answers_has_controls_of_its_own(fields):
    names = {c.name: c.passed for c in fields.controls}
    for name in (
        "planted thumbnails (explained-pictures, intermediate)",
        "vectors of nobody (explained-pictures, intermediate)",
        "planted prototypes (explained-pictures, explanation)",
        "random weights (explained-pictures, explanation)",
        "twins without the person (explained-pictures, explanation)",
    ):
        assert names[name], name


def test_whose_vector_it_is_needs_no_twin(template):
    found = {(c.access, c.policy): c for c in template.cells}["weights", "open"]
    assert found.tier == "E2"
    assert "twin" not in found.why


def test_an_inner_layer_that_was_seen_gives_the_photo_away(fields):
    (inner,) = (c for c in fields.cells if c.access == "intermediate")
    assert inner.seen == "inner layer"
    assert inner.primary.lower > 0.1


@pytest.mark.parametrize(
    ("model", "exposure", "says"),
    [
        ("", 'channels = ["label", "explanation"]', "no exposure.explainer says what that is"),
        ("", 'channels = ["label"]\nlayer = "1"', 'exposure.channels has no "intermediate"'),
        ("", 'channels = ["embedding"]', "the model answers with classes"),
        ('answers = "embedding"', "", "exposure.channels has 'label', and the model answers with"),
        (
            'call = "digits_networks:build"',
            'channels = ["label", "intermediate"]\nlayer = "nine"',
            "no layer 'nine'. What to do: Its layers are 0, 1, 2, 3, 4",
        ),
        (
            'path = "model.skops"\n#',
            'channels = ["label", "explanation"]\nexplainer = "saliency"',
            "Export the model to ONNX",
        ),
    ],
)
def test_what_does_not_fit_is_named(folder, capsys, model, exposure, says):
    file = written(folder, model, exposure)
    if "model.skops" in model:
        text = file.read_text().replace('path = "net.safetensors"\n', "")
        file.write_text(text)
    assert main(["audit", str(file), "--out", str(folder / "bad"), "--quiet"]) == 4
    said = " ".join(capsys.readouterr().err.split())
    assert says in said
    assert "Traceback" not in said


def test_together_counts_the_more_telling_field_for_more():
    from reticent.audit.images.together import AllFields

    rng = np.random.default_rng(1)
    truth = rng.random((12, 10, 10))
    shown = {
        name: truth + spread * rng.standard_normal(truth.shape)
        for name, spread in (("a", 0.1), ("b", 0.6), ("c", 0.6))
    }
    made = AllFields(fields={name: [name] for name in shown}).claim(shown)
    share = made.notes["share"]
    assert share["a"] > share["b"]
    assert share["a"] > share["c"]
    assert (np.isfinite(made.images)).all()
    hidden = dict(shown, a=shown["a"].copy())
    hidden["a"][3] = np.nan
    assert np.isfinite(AllFields(fields={n: [n] for n in hidden}).claim(hidden).images).all()
    nowhere = {name: images.copy() for name, images in shown.items()}
    for images in nowhere.values():
        images[5] = np.nan
    left = AllFields(fields={n: [n] for n in nowhere}).claim(nowhere).images
    assert np.isnan(left[5]).all()
    assert np.isfinite(np.delete(left, 5, axis=0)).all()
