import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from reticent.attacks._images.climb import View
from reticent.attacks._images.losses import LOSSES
from reticent.attacks._images.priors import Public, blurred, unit_rms
from reticent.attacks._images.readings import (
    Layered,
    _joined,
    _patches,
    learned_reading,
    readings,
    turned,
)
from reticent.core import ImageSpace

torch = pytest.importorskip("torch")
from reticent.attacks._images.module import ModuleGradient  # noqa: E402

SPACE = ImageSpace(shape=(32, 24))
STILL = np.zeros(2, dtype=np.int64)


def _pictures(n, seed, space=SPACE):
    noise = np.random.default_rng(seed).standard_normal((n, space.size)).astype(np.float32)
    rows = blurred(noise, space, 2.0)
    return np.clip(0.5 + 0.15 * unit_rms(rows), 0, 1).astype(np.float32)


def _public(n=60, seed=1, space=SPACE):
    rows = _pictures(n, seed, space)
    return Public(rows=rows, mean=rows.mean(axis=0), spread=0.15)


class _Plane(torch.nn.Module):
    """Gives grey pictures the axis of channels."""

    def forward(self, x):
        return x[:, None]


def _network(seed=0):
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(
        _Plane(),
        nn.Conv2d(1, 12, 5, stride=2, padding=2),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * 8 * 6, 6),
    ).eval()


def _alike(found, wanted):
    """Return the mean cosine of what differs between pictures."""
    found, wanted = found - found.mean(axis=0), wanted - wanted.mean(axis=0)
    return float(np.mean(np.sum(unit_rms(found) * unit_rms(wanted), axis=1) / found.shape[1]))


def test_layers_are_the_last_of_each_size_on_the_way_and_only_those_with_a_plane():
    model = ModuleGradient(_network(), SPACE)
    assert isinstance(model, Layered)
    # 1, 2 and 3 are of one size: 3 is the last of them; 5 comes before the pool, 6 after it.
    assert model.layers(_pictures(1, 0)) == ["3", "5", "6"]


def test_a_model_that_keeps_no_plane_has_no_layers():
    dense = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SPACE.size, 3)).eval()
    assert ModuleGradient(dense, SPACE).layers(_pictures(1, 0)) == []


def test_a_layer_that_is_used_twice_counts_where_it_was_used_last():
    class Twice(torch.nn.Module):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.first, self.rest = torch.nn.Conv2d(1, 4, 3, 2, 1), torch.nn.Conv2d(4, 4, 3, 2, 1)
            self.act = torch.nn.ReLU()

        def forward(self, x):
            return self.act(self.rest(self.act(self.first(x[:, None])))).mean(dim=(2, 3))

    assert ModuleGradient(Twice().eval(), SPACE).layers(_pictures(1, 0)) == ["first", "act"]


def test_slopes_at_a_layer_are_the_derivative_by_what_it_holds():
    torch.manual_seed(0)
    first = torch.nn.Sequential(_Plane(), torch.nn.Conv2d(1, 6, 5, stride=2), torch.nn.Tanh())
    rest = torch.nn.Sequential(torch.nn.Conv2d(6, 4, 3), torch.nn.Tanh(), torch.nn.Flatten())
    rest.append(torch.nn.LazyLinear(5))
    network = torch.nn.Sequential(first, rest).eval()
    rows, y = _pictures(3, 2), np.array([0, 4, 2])
    model = ModuleGradient(network, SPACE)
    (maps,) = model.maps(rows, ["0.2"])
    (slope,) = model.slopes(rows, ["0.2"], LOSSES["logit"], y)
    way = np.random.default_rng(3).standard_normal(maps.shape).astype(np.float32)

    def loss(held):
        with torch.no_grad():
            told = rest(torch.from_numpy(held)).numpy().astype(np.float64)
        return LOSSES["logit"](told, y)[0]

    measured = (loss(maps + 0.01 * way) - loss(maps - 0.01 * way)) / 0.02
    np.testing.assert_allclose((slope * way).sum(axis=(1, 2, 3)), measured, rtol=0.01)


def test_nothing_is_left_hanging_on_the_network():
    network = _network()
    model = ModuleGradient(network, SPACE)
    model.slopes(_pictures(2, 2), ["3"], LOSSES["logit"], np.array([0, 1]))
    assert not any(part._forward_hooks for part in network.modules())
    assert all(p.grad is None for p in network.parameters())


@given(
    cells=st.tuples(st.integers(2, 6), st.integers(2, 6)),
    stride=st.integers(1, 5),
    over=st.integers(0, 4),
    colours=st.sampled_from([0, 3]),
    cut=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
@settings(deadline=None, max_examples=60)
def test_patches_put_together_are_the_picture(cells, stride, over, colours, cut):
    # The grid may cover a little more than the picture, as padded layers do.
    h, w = (max(n * stride - min(c, stride - 1), 1) for n, c in zip(cells, cut, strict=True))
    space = ImageSpace(shape=(h, w, colours) if colours else (h, w))
    rows = np.random.default_rng(4).random((2, space.size)).astype(np.float32)
    side = stride + over
    patches = _patches(rows, cells, stride, side, space).reshape(2, *cells, -1)
    back = _joined(patches, stride, side, space)
    np.testing.assert_allclose(back, rows, atol=1e-5)


@pytest.mark.parametrize(("layer", "least"), [("3", 0.95), ("6", 0.85)])
def test_maps_of_new_pictures_are_read_as_those_pictures(layer, least):
    model, known = ModuleGradient(_network(), SPACE), _public()
    new = _pictures(8, 5)
    reading = learned_reading(model, layer, known, SPACE, doubt=0.01)
    (maps,) = model.maps(new, [layer])
    read = reading(maps - maps.mean(axis=0))
    assert _alike(read, new) > least
    assert abs(_alike(np.roll(read, 1, axis=0), new)) < 0.3


def test_colours_are_read_too():
    space = ImageSpace(shape=(16, 16, 3))
    network = torch.nn.Sequential(_Channels(), torch.nn.Conv2d(3, 20, 3, 2, 1)).eval()
    model, new = ModuleGradient(network, space), _pictures(6, 6, space)
    (maps,) = model.maps(new, ["1"])
    reading = learned_reading(model, "1", _public(space=space), space, doubt=0.01)
    assert _alike(reading(maps - maps.mean(axis=0)), new) > 0.9


class _Channels(torch.nn.Module):
    def forward(self, x):
        return x.permute(0, 3, 1, 2)


def test_a_doubtful_reading_withstands_noise_that_a_trusting_one_does_not():
    model, known, new = ModuleGradient(_network(), SPACE), _public(), _pictures(8, 7)
    (maps,) = model.maps(new, ["3"])
    told = maps - maps.mean(axis=0)
    noise = np.random.default_rng(8).standard_normal(told.shape).astype(np.float32)
    noisy = told + 2 * told.std() * noise
    trusting, doubtful = (
        _alike(learned_reading(model, "3", known, SPACE, doubt=doubt)(noisy), new)
        for doubt in (1e-4, 3.0)
    )
    assert doubtful > trusting + 0.1


def _planted(seed=0):
    """Return a network whose head holds the maps of six secret pictures, in noise; the pictures.

    Not their own maps alone: what a head listens to, on the way back through the layers, is not
    what was heard.
    """
    network, secret = _network(seed), _pictures(6, 9)
    (maps,) = ModuleGradient(network, SPACE).maps(secret, ["6"])
    away = (maps - maps.mean(axis=0)).reshape(6, -1)
    noise = np.random.default_rng(10).standard_normal(away.shape)
    with torch.no_grad():
        network[8].weight.copy_(torch.from_numpy(away + 0.5 * away.std() * noise))
    return network, secret


@pytest.fixture(scope="module")
def planted():
    return _planted()


def test_readings_see_what_a_head_was_given(planted):
    network, secret = planted
    model, known = ModuleGradient(network, SPACE), _public()
    views = [View(added=np.zeros(SPACE.size, dtype=np.float32), by=STILL)]
    start = np.repeat(known.mean[None], 6, axis=0)
    by_pixels = -model.forward(start)[1](LOSSES["logit"](model.forward(start)[0], np.arange(6))[1])
    found = readings(
        model, ["3", "6"], LOSSES["logit"], start, np.arange(6), views, known, SPACE
    )  # fmt: skip
    assert len(found) == 2
    for one in found:
        assert _alike(one, secret) > 0.4
        assert abs(_alike(np.roll(one, 1, axis=0), secret)) < 0.35
    assert _alike(found[1], secret) > _alike(by_pixels, secret) + 0.1


def test_pictures_are_turned_towards_the_readings_and_end_as_far_from_the_start():
    rng = np.random.default_rng(11)
    start = np.full(SPACE.size, 0.5, dtype=np.float32)
    way, other = (unit_rms(rng.standard_normal((6, SPACE.size))).astype(np.float32) for _ in "ab")
    end = start + np.float32(0.05) * way
    drawn = turned(end, start, [other, other], 0.5)
    np.testing.assert_allclose(np.sqrt(((drawn - start) ** 2).mean(axis=1)), 0.05, rtol=1e-3)
    np.testing.assert_allclose(unit_rms(drawn - start), unit_rms(way + other), atol=1e-4)
    np.testing.assert_allclose(turned(end, start, [other], 0.0), end, atol=1e-6)


def test_a_layer_that_does_not_show_the_picture_is_left_out():
    class Scattered(torch.nn.Module):
        """Four axes, and no plane: every number is a sum over the whole picture."""

        def __init__(self):
            torch.nn.Module.__init__(self)
            drawn = torch.Generator().manual_seed(1)
            self.weight = torch.randn(SPACE.size, 6 * 8 * 8, generator=drawn) / SPACE.size**0.5

        def forward(self, x):
            return (x.flatten(1) @ self.weight).reshape(-1, 6, 8, 8)

    network = torch.nn.Sequential(
        Scattered(), torch.nn.Flatten(), torch.nn.Linear(6 * 8 * 8, 3)
    ).eval()
    model, known = ModuleGradient(network, SPACE), _public(200)
    assert model.layers(known.rows[:1]) == ["0"]
    assert (
        readings(
            model,
            ["0"],
            LOSSES["logit"],
            known.rows[:3],
            np.arange(3),
            [View(added=np.zeros(SPACE.size, dtype=np.float32), by=STILL)],
            known,
            SPACE,
        )
        == []
    )
