"""Bad input of an audit of pictures, each through the command line: named, and nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from audit.images.digits import experiment
from audit.images.torch_digits import lay_out, written
from skops.io import dump

from reticent.audit.save import load
from reticent.cli import main

torch = pytest.importorskip("torch")

MODULES = """
import torch
from torch import nn
from digits_networks import build

WEIGHTS = "{weights}"


class Odd(nn.Module):
    def __init__(self, kind):
        nn.Module.__init__(self)
        self.kind = kind
        for i, part in enumerate(build()):
            self.add_module(str(i), part)

    def forward(self, x):
        x = getattr(self, "1")(getattr(self, "0")(x))
        if self.kind == "draws":
            x = nn.functional.dropout(x, 0.5, training=True)
        if self.kind == "company":
            x = (x - x.mean(0)) / (x.std(0, unbiased=False) + 1e-3)
        out = getattr(self, "4")(getattr(self, "2")(x))
        if self.kind == "cut":
            out = out.detach() * 1.0
        if self.kind == "steps":
            out = torch.round(out * 10) / 10
        if self.kind == "nan":
            out = out + torch.sqrt(out * 0)  # whose slope is infinite, times zero
        return out


def draws():
    return Odd("draws")


def company():
    return Odd("company")


def cut():
    return Odd("cut")


def steps():
    return Odd("steps")


def nan():
    return Odd("nan")


def colour():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10))


def training():
    return build().train()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("bad")
    lay_out(found)
    (found / "odd_networks.py").write_text(MODULES)
    dump(experiment().target.weights(), found / "model.skops")
    return found


def refused(file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the command line says when it will not audit that."""
    assert main(["audit", str(file), "--out", str(file.parent / "never"), "--quiet"]) == 4
    said = " ".join(capsys.readouterr().err.split())
    assert "What to do:" in said or f"{file.name}:" in said  # a way out, or the line
    assert "Traceback" not in said
    return said


def sklearn_file(folder: Path, text: str = "", **data: str) -> Path:
    named = {"training": "training", "held_out": "held_out", "public": "public"} | data
    files = "".join(f'{side} = "{name}.npz"\n' for side, name in named.items())
    file = folder / "plain.toml"
    file.write_text(
        'modality = "image"\n[model]\npath = "model.skops"\nowner = "We"\n'
        + (text or "range = [0, 16]\n")
        + f"[data]\n{files}"
        + '[exposure]\nchannels = ["scores"]\n'
        + '[audit]\njudges = ["network", "lda", "gradients"]\n'
    )
    return file


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((20, 3, 8, 8), "with the channels first. What to do: Put them last"),
        ((20, 8, 8, 3), "is 8 x 8 colour"),
        ((20, 8, 7), "is 8 x 7 grey"),
        ((20, 64), "pictures are (n, height, width) or (n, height, width, 3)"),
    ],
)
def test_pictures_of_another_shape(folder, capsys, shape, says):
    np.savez(folder / "other.npz", x=np.zeros(shape), y=np.arange(20) % 10)
    assert says in refused(sklearn_file(folder, held_out="other"), capsys) or says in refused(
        sklearn_file(folder, training="other", held_out="training"), capsys
    )


def test_files_in_another_range(folder, capsys):
    photos = experiment().held_out
    np.savez(folder / "other.npz", x=photos.x * 16, y=photos.who)
    said = refused(sklearn_file(folder, held_out="other"), capsys)
    assert "x runs from 0 to 16; black is 0 and white 1" in said
    assert "data.range = [0, 16]" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("range = [0, 0.001]\n", "cases, which is chance"),
        ("range = [0, 16]\nshape = [8, 8, 3]\n", "is 8 x 8 grey; model.shape says 8 x 8 colour"),
        ("range = [0, 16]\nshape = [3, 8, 8]\n", "Put the colours last here"),
    ],
)
def test_a_model_that_takes_other_pictures(folder, capsys, text, says):
    assert says in refused(sklearn_file(folder, text), capsys)


def test_classes_in_another_order(folder, capsys):
    said = refused(
        written(
            folder,
            'call = "digits_networks:build"\nclasses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]',
            'channels = ["scores"]',
        ),
        capsys,
    )
    assert "which is chance" in said
    assert "model.classes stand in the order of its answers" in said


def test_a_class_with_no_photos(folder, capsys):
    photos = experiment().held_out
    kept = photos.who != 4
    np.savez(folder / "other.npz", x=photos.x[kept], y=photos.who[kept])
    said = refused(sklearn_file(folder, held_out="other"), capsys)
    assert "1 of the model's 10 classes have no held-out photo: 4" in said


def test_folders_of_mixed_sizes_and_colours(tmp_path, folder, capsys):
    image = pytest.importorskip("PIL.Image")
    for side in ("training", "held_out"):
        for name in "ab":
            (tmp_path / side / name).mkdir(parents=True)
            for i in range(2):
                size = (9, 8) if (side, name, i) == ("training", "b", 1) else (8, 8)
                pixels = np.random.default_rng(i).integers(0, 255, size, dtype=np.uint8)
                image.fromarray(pixels).save(tmp_path / side / name / f"{side}{i}.png")
    dump(experiment().target.weights(), tmp_path / "model.skops")
    text = (
        'modality = "image"\n[model]\npath = "model.skops"\nowner = "We"\n[data]\n'
        'training = "training"\nheld_out = "held_out"\n'
    )
    (tmp_path / "reticent.toml").write_text(text)
    said = refused(tmp_path / "reticent.toml", capsys)
    assert "training1.png is 9 x 8 grey" in said
    assert "data.fit = true" in said


@pytest.mark.parametrize(
    ("build", "says"),
    [
        ("draws", "answers the same pictures differently when asked again"),
        ("company", "answers a picture by the others that it came with: batch norm"),
    ],
)
def test_dropout_that_draws_and_batch_norm_that_goes_by_company(folder, capsys, build, says):
    file = written(folder, f'call = "odd_networks:{build}"', 'channels = ["scores"]')
    assert says in refused(file, capsys)


def test_a_network_of_colours_and_grey_photos(folder, capsys):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 10)
    )
    save_file(net.state_dict(), folder / "colour.safetensors")
    file = written(folder, 'call = "odd_networks:colour"', 'channels = ["scores"]')
    file.write_text(file.read_text().replace("net.safetensors", "colour.safetensors"))
    assert "takes pictures of 3 colours and these have grey values" in refused(file, capsys)


def audited(file: Path, name: str) -> tuple[int, Path]:
    out = file.parent / f"out-{name}"
    return main(["audit", str(file), "--out", str(out), "--quiet"]), out / "record.json"


def test_a_network_left_in_training_mode_is_audited_as_it_is_served(folder):
    file = written(
        folder,
        'call = "odd_networks:training"',
        'channels = ["weights"]',
        "twin_models = false",
    )
    code, path = audited(file, "training")
    assert code == 1
    assert load(path).model.train_score > 0.9  # with dropout on it is less, and not steady


@pytest.mark.parametrize("build", ["cut", "steps", "nan"])
def test_where_gradients_end_the_audit_says_so_and_goes_on_with_answers(folder, build):
    file = written(
        folder,
        f'call = "odd_networks:{build}"',
        'channels = ["scores", "weights"]',
        'twin_models = false\nattacks = ["image-inversion", "inverse-map"]',
    )
    code, path = audited(file, build)
    record = load(path)
    assert ("inverse-map", "scores") in {(c.attack, c.access) for c in record.cells}
    assert code in (1, 3)
    white = [c for c in record.cells if c.access == "weights"]
    said = [n for n in record.not_run if n.what.startswith("reconstruction/image-inversion")]
    assert white or said
    if white:
        assert white[0].notes["steps_without_gradient"] == 10
        assert white[0].verdict == "inconclusive"
        assert white[0].minimum_detectable_effect is None  # nor could it ever be "nothing found"
    else:
        assert said[0].kind == "failed"
        assert "radient" in said[0].why or "grad" in said[0].why


def test_a_budget_too_small_to_finish_is_inconclusive_and_costs_nothing_else(folder):
    file = sklearn_file(folder)
    file.write_text(
        file.read_text().replace("[exposure]", "[adversary]\nquery_budget = 5\n[exposure]")
    )
    code, path = audited(file, "poor")
    record = load(path)
    assert code == 2
    assert record.verdict == "inconclusive"
    assert {c.verdict for c in record.cells} == {"inconclusive"}
    assert "budget" in {n.kind for n in record.not_run}
    assert "nothing found" not in {c.verdict for c in record.cells}


WAITING = """
import sys, time
from reticent.audit.store import Store
from reticent.cli import main
put_json = Store.put_json
def put_or_wait(store, key, value):
    if list(store.folder.glob("*.json")):  # the second piece: the first one is kept and told
        print("now", flush=True)
        time.sleep(300)  # for the signal, which else may come when all is done
    put_json(store, key, value)
Store.put_json = put_or_wait
sys.exit(main(sys.argv[1:]))
"""


def test_interrupted_by_the_keyboard_it_keeps_what_it_has_and_goes_on(folder):
    file, out = sklearn_file(folder), folder / "stopped"
    text = file.read_text().replace('["scores"]', '["label", "scores"]')
    file.write_text(text + 'attacks = ["inverse-map"]\ntwin_models = false\n')
    command = ["audit", str(file), "--out", str(out), "--quiet"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = subprocess.Popen(
        [sys.executable, "-c", WAITING, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout.readline() == "now\n"
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=120)
    assert started.returncode == 130, said
    assert "--resume" in said
    partial = load(out / "record.json")
    assert not partial.run.complete
    assert partial.verdict != "nothing found"
    code = main([*command, "--resume"])
    whole = load(out / "record.json")
    assert code == whole.exit_code
    assert whole.run.complete
    assert whole.run.reused >= len(partial.cells) >= 1
    assert len(whole.cells) > len(partial.cells)
