import numpy as np
import pytest

from reticent.core import BadAnswer, BadInput, Channel, ImageSpace, UntrustedFile
from reticent.targets import TorchModel, load_torch

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

GREY = ImageSpace(shape=(8, 6), low=0.0, high=255.0)
COLOUR = ImageSpace(shape=(8, 6, 3))


def make_grey():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(192, 3),
    )  # fmt: skip


def make_colour():
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(96, 2))


def _grey(**settings):
    return TorchModel(module=make_grey().eval(), classes=("a", "b", "c"), images=GREY, **settings)


def _pictures(n=5):
    return np.round(np.random.default_rng(3).random((n, 8, 6)) * 255)


def test_answers_are_those_of_the_module_whatever_the_batch():
    x = _pictures()
    with torch.no_grad():
        logits = _grey().module(torch.tensor(x[:, None], dtype=torch.float32))
    expected = torch.softmax(logits.double(), dim=1).numpy()
    for size in (2, 128):
        told = _grey(batch_size=size).answer(x)
        np.testing.assert_allclose(told.scores, expected, atol=1e-6)
        np.testing.assert_array_equal(told.labels, expected.argmax(axis=1))


def test_rows_and_pictures_are_one_question():
    x, model = _pictures(), _grey()
    np.testing.assert_array_equal(model.answer(x).scores, model.answer(x.reshape(5, -1)).scores)


def test_colours_go_first_to_the_module_and_last_with_us():
    module = make_colour().eval()
    x = np.random.default_rng(4).random((2, 8, 6, 3))
    told = TorchModel(module=module, classes=(0, 1), images=COLOUR).answer(x).scores
    with torch.no_grad():
        logits = module(torch.tensor(x.transpose(0, 3, 1, 2), dtype=torch.float32))
    np.testing.assert_allclose(told, torch.softmax(logits, 1).numpy(), atol=1e-6)


def test_probabilities_are_taken_as_they_are():
    module = nn.Sequential(make_grey(), nn.Softmax(dim=1)).eval()
    told = TorchModel(
        module=module, classes=("a", "b", "c"), images=GREY, answers="probabilities"
    ).answer(_pictures())
    np.testing.assert_allclose(told.scores, _grey().answer(_pictures()).scores, atol=1e-6)


def test_an_embedding_is_a_vector():
    model = TorchModel(module=make_grey().eval(), images=GREY, answers="embedding")
    assert model.channels == Channel.EMBEDDING | Channel.WEIGHTS
    assert model.answer(_pictures()).embeddings.shape == (5, 3)


def test_weights_give_gradients_in_our_layout():
    view = _grey().weights()
    x = torch.tensor(_pictures(2), dtype=torch.float32, requires_grad=True)
    view(x)[:, 0].sum().backward()
    assert x.grad.shape == (2, 8, 6)
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (_pictures() * 2, "was asked with 0 to|was asked with"),
        (np.full((2, 8, 6), -3.0), "values from 0 to 255"),
        (np.full((2, 8, 6), np.nan), "was asked with nan"),
        (np.zeros((2, 6, 8)), r"shape \(8, 6\)"),
        (np.zeros((2, 8, 6, 3)), "takes grey pictures"),
    ],
)
def test_other_pictures_are_refused(x, says):
    with pytest.raises(BadInput, match=says):
        _grey().answer(x)


def test_colours_first_are_named():
    model = TorchModel(module=make_colour().eval(), classes=(0, 1), images=COLOUR)
    with pytest.raises(BadInput, match="colours first"):
        model.answer(np.zeros((1, 3, 8, 6)))


def test_a_module_in_training_mode_is_refused_at_once_and_later():
    with pytest.raises(BadInput, match="training mode"):
        TorchModel(module=make_grey(), classes=(0, 1, 2), images=GREY)
    model = _grey()
    model.module[3].train()  # one dropout is enough
    with pytest.raises(BadInput, match="Dropout"):
        model.answer(_pictures())


def test_a_model_of_colours_over_grey_pictures_is_refused():
    with pytest.raises(BadInput, match="takes pictures of 3 colours and these have grey values"):
        TorchModel(module=make_colour().eval(), classes=(0, 1), images=ImageSpace(shape=(8, 6)))


def test_another_size_or_number_of_classes_is_refused():
    with pytest.raises(BadInput, match="in any layout"):
        TorchModel(module=make_grey().eval(), classes=(0, 1, 2), images=ImageSpace(shape=(9, 9)))
    with pytest.raises(BadInput, match="answers 3 numbers"):
        TorchModel(module=make_grey().eval(), classes=(0, 1), images=GREY)
    with pytest.raises(BadInput, match="no torch module"):
        TorchModel(module=len, classes=(0, 1))


def test_nonsense_from_the_module_is_its_own_fault():
    class Broken(nn.Module):
        def forward(self, x):
            return torch.full((len(x), 2), float("nan"))

    with pytest.raises(BadAnswer):
        TorchModel(module=Broken().eval(), classes=(0, 1)).answer(np.zeros((1, 4)))


def test_weights_on_disk_and_a_factory_make_the_model(tmp_path):
    from safetensors.torch import save_file

    file = tmp_path / "m.safetensors"
    save_file(make_grey().state_dict(), file)
    (tmp_path / "house_of_grey.py").write_text(
        "from torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),\n"
        "        nn.Dropout(0.5), nn.Flatten(), nn.Linear(192, 3))\n"
        "def small():\n"
        "    return nn.Linear(2, 2)\n"
    )
    given = {"classes": ("a", "b", "c"), "images": GREY, "beside": tmp_path}
    model = load_torch(file, factory="house_of_grey:make", **given)
    np.testing.assert_allclose(model.answer(_pictures()).scores, _grey().answer(_pictures()).scores)
    with pytest.raises(BadInput, match="no factory"):
        load_torch(file, **given)
    with pytest.raises(BadInput, match="do not fit"):
        load_torch(file, factory="house_of_grey:small", **given)
    file.write_bytes(b"no weights")
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_torch(file, factory="house_of_grey:make", **given)


def test_a_program_needs_consent(tmp_path):
    file = tmp_path / "m.pt2"
    batch = torch.export.Dim("batch", min=1, max=4096)
    example = torch.zeros(2, 1, 8, 6)
    torch.export.save(
        torch.export.export(make_grey().eval(), (example,), dynamic_shapes=({0: batch},)), file
    )
    with pytest.raises(UntrustedFile, match="program"):
        load_torch(file, classes=("a", "b", "c"), images=GREY)


@pytest.mark.parametrize("name", ["m.bin", "gone.onnx"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / "m.bin").write_bytes(b"")
    with pytest.raises(BadInput):
        load_torch(tmp_path / name, classes=(0, 1))
