from pathlib import Path

import pytest

from reticent.config import Config, ImageConfig, load_audit, parse
from reticent.core import BadInput, Channel

GOOD = """\
modality = "image"

[model]
path = "model.skops"
owner = "Door camera team"

[data]
training = "training"
held_out = "held_out.npz"
"""


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "model.skops").write_bytes(b"")
    (tmp_path / "training").mkdir(exist_ok=True)
    (tmp_path / "held_out.npz").write_bytes(b"")
    path = tmp_path / "reticent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_left_out_is_inferred(tmp_path):
    config = load_audit(write(tmp_path, GOOD))
    assert isinstance(config, ImageConfig)
    assert (config.model.reached_by, config.model.taken_as) == ("sklearn", "flat")
    assert config.model.title == "model"
    assert config.exposure.reachable == Channel.LABEL | Channel.SCORES | Channel.TOP_K
    assert list(config.policies) == ["open"]
    assert config.line("data", "held_out") == 9


def test_the_digest_says_what_is_configured_and_not_where(tmp_path):
    here = load_audit(write(tmp_path, GOOD))
    (tmp_path / "b").mkdir()
    assert load_audit(write(tmp_path / "b", GOOD)).digest == here.digest
    other = load_audit(write(tmp_path, GOOD + "[audit]\nseed = 3\n"))
    assert other.digest != here.digest


def test_without_a_modality_it_is_an_audit_of_tables(tmp_path):
    path = tmp_path / "reticent.toml"
    path.write_text(
        '[model]\npath = "m.skops"\nowner = "Team"\n'
        '[data]\nmembers = "a.csv"\nnon_members = "b.csv"\ntarget = "y"\n'
    )
    assert isinstance(load_audit(path, files=False), Config)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('modality = "image"', 'modality = "smell"', r":1: modality is 'smell'"),
        ("path = ", "pth = ", r":4: Unknown key model\.pth\. Did you mean 'path'\?"),
        ('path = "model.skops"', 'path = "model.h5"', r":4: .*suffix '\.h5'"),
        ("training = ", "trainnig = ", r"\[data\] has no training.*\n.*Did you mean 'training'"),
        ('"Door camera team"', '"TODO"', r":5: .*must name a person or a team"),
        ('"held_out.npz"', '"training"', r":9: .*which is data\.training already"),
        ('"held_out.npz"', '"held_uot.npz"', r":9: .*Did you mean 'held_out\.npz'"),
        ("[data]", "shape = [3, 64, 64]\n[data]", r":7: .*Put the colours last"),
        ("[data]", "range = [255, 0]\n[data]", r":7: .*black comes first"),
        ("[data]", 'call = "net:build"\n[data]', r":7: .*builds a torch module"),
        ("[data]", '[audit]\njudges = ["lda", "lda", "dlib"]\n[data]', r":8: .*'lda' twice"),
        ("[data]", '[audit]\njudges = ["lda"]\n[data]', r":8: .*at least 3"),
        ("[data]", '[audit]\nattacks = ["all", "x"]\n[data]', r":8: .*'all' already holds"),
        ("[data]", '[[policy]]\nname = "all"\n[data]', r":8: .*stands for every policy"),
        ("[data]", '[exposure]\nchannels = ["smell"]\n[data]', r":8: "),
        ('"model.skops"', '"model.safetensors"', r":4: .*weights alone.*call = "),
        ("[data]", 'answers = "embedding"\n[data]', r"channels has 'label', and .* vectors"),
        ("[data]", '[exposure]\nlayer = "1"\n[data]', r":8: exposure.layer is set, and .* no"),
        ("[data]", '[exposure]\nchannels = ["embedding"]\n[data]', r":8: .*answers with classes"),
    ],
)
def test_every_fault_has_its_line_and_a_way_out(tmp_path, old, new, says):
    with pytest.raises(BadInput, match=says):
        load_audit(write(tmp_path, GOOD.replace(old, new, 1)))


def test_plain_data_do_as_well():
    config = parse(
        {
            "modality": "image",
            "model": {"path": "m.onnx", "owner": "Team", "range": [0, 255]},
            "data": {"training": "a", "held_out": "b", "public": "c"},
        },
        ImageConfig,
    )
    assert config.model.taken_as == "channels_first"
    with pytest.raises(BadInput, match=r"configuration: \[model\] has no owner"):
        parse({"modality": "image", "model": {"path": "m.onnx"}, "data": {}}, ImageConfig)
