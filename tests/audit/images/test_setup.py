"""From reticent.toml to an audit: what does not fit together is named."""

from pathlib import Path

import numpy as np
import pytest
from audit.images.digits import experiment
from skops.io import dump

from reticent.audit.images.setup import image_experiment
from reticent.cli import main
from reticent.config import ImageConfig, load_audit, parse
from reticent.core import BadInput

TOML = """\
modality = "image"
[model]
path = "model.skops"
owner = "Digits team"
range = [0, 16]
[data]
training = "training.npz"
held_out = "held_out.npz"
public = "public.npz"
[exposure]
channels = ["scores", "label", "weights"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subject = experiment()
    for name in ("training", "held_out", "public"):
        photos = getattr(subject, name)
        np.savez(tmp_path / f"{name}.npz", x=photos.x, y=photos.who)
    dump(subject.target.weights(), tmp_path / "model.skops")
    (tmp_path / "reticent.toml").write_text(TOML)
    return tmp_path


def test_what_is_written_is_what_is_audited(folder):
    found, given = image_experiment(load_audit(folder / "reticent.toml")), experiment()
    assert found.space == given.space
    assert found.k == 10
    assert np.array_equal(found.training.who, given.training.who)
    assert np.allclose(found.training.x, given.training.x)
    assert found.names is None
    assert found.called(3).startswith("p-")
    assert any("labels of 10 of the model's 10 classes" in w for w in found.warnings)


def test_judges_must_not_have_seen_a_training_photo(folder):
    photos = experiment()
    x = np.concatenate([photos.held_out.x, photos.training.x[:3]])
    np.savez(folder / "held_out.npz", x=x, y=np.append(photos.held_out.who, [1, 2, 3]))
    with pytest.raises(BadInput, match="3 held-out photos equal a training photo"):
        image_experiment(load_audit(folder / "reticent.toml"))


def test_the_adversary_must_not_hold_what_it_seeks(folder):
    photos = experiment()
    np.savez(folder / "public.npz", x=photos.training.x[:5], y=photos.training.who[:5])
    with pytest.raises(BadInput, match="5 public pictures equal a training photo"):
        image_experiment(load_audit(folder / "reticent.toml"))


def test_classes_that_the_model_does_not_know_are_named(folder):
    photos = experiment().held_out
    np.savez(folder / "held_out.npz", x=photos.x, y=photos.who + 1)
    with pytest.raises(BadInput, match=r"data\.held_out holds class '10', which the model does"):
        image_experiment(load_audit(folder / "reticent.toml"))


def test_a_model_of_other_pictures_says_so(folder):
    for name in ("training", "held_out", "public"):
        photos = getattr(experiment(), name)
        np.savez(folder / f"{name}.npz", x=photos.x[:, :6], y=photos.who)
    with pytest.raises(Exception, match="64 features"):
        image_experiment(load_audit(folder / "reticent.toml"))


def test_no_more_people_than_asked_for_are_attacked_among_all(folder):
    (folder / "reticent.toml").write_text(TOML.replace("[exposure]", "max_people = 4\n[exposure]"))
    found = image_experiment(load_audit(folder / "reticent.toml"))
    assert len(found.people) == 4
    assert found.k == 10
    assert len(found.candidates.y) == 4


def test_init_writes_what_audit_reads(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / "reticent.toml").unlink()
    words = ["init", "model.skops", "training.npz", "--non-members", "held_out.npz"]
    assert main([*words, "--public", "public.npz", "--modality", "image", "--owner", "We"]) == 0
    config = load_audit(folder / "reticent.toml")
    assert (config.data.held_out, config.data.public) == ("held_out.npz", "public.npz")
    assert len(config.policies) == 3
    capsys.readouterr()
    (folder / "reticent.toml").unlink()
    main(["init", "model.skops", "training.npz", "--modality", "image"])
    assert "data.held_out" in capsys.readouterr().err


def test_a_torch_module_is_audited_like_any_other(folder):
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save_file
    code = "import torch\ndef build():\n    return torch.nn.Sequential(torch.nn.Flatten(), "
    (folder / "digits_net.py").write_text(code + "torch.nn.Linear(64, 10))\n")
    model = experiment().target.weights()
    state = {
        "1.weight": torch.tensor(model.coef_, dtype=torch.float32).contiguous(),
        "1.bias": torch.tensor(model.intercept_, dtype=torch.float32),
    }
    save(state, str(folder / "net.safetensors"))
    body = {
        "modality": "image",
        "model": {
            "path": "net.safetensors",
            "call": "digits_net:build",
            "owner": "We",
            "range": [0, 16],
        },
        "data": {"training": "training.npz", "held_out": "held_out.npz"},
        "exposure": {"channels": ["scores", "weights"]},
    }
    config = parse(body, ImageConfig).written_in(folder / "reticent.toml", {})
    found, given = image_experiment(config), experiment()
    x = given.held_out.x[:20]
    ours = found.target.answer(found.space.inputs(x)).scores
    theirs = given.target.answer(given.space.inputs(x)).scores
    assert np.allclose(ours, theirs, atol=1e-5)


def test_init_writes_what_can_be_audited_and_asks_for_the_function_of_a_module(folder, capsys):
    def init(model: str) -> str:
        given = ["--non-members", f"{folder}/held_out.npz", "--public", f"{folder}/public.npz"]
        out = folder / "made.toml"
        code = main(
            ["init", "--modality", "image", f"{folder}/{model}", f"{folder}/training.npz", *given,
             "--owner", "We", "--out", str(out), "--force"]
        )  # fmt: skip
        assert code == 0
        return out.read_text()

    text = init("model.skops").replace("# range = [0, 255]", "range = [0, 16]")
    (folder / "made.toml").write_text(text)
    assert image_experiment(load_audit(folder / "made.toml")).k == 10
    assert "call" not in [line.split()[0] for line in text.splitlines() if line]
    (folder / "net.safetensors").write_bytes(b"")
    capsys.readouterr()
    assert 'call = "TODO"' in init("net.safetensors")
    assert "model.call" in " ".join("".join(capsys.readouterr()).split())
