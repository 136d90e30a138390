import numpy as np
import pytest

from reticent.attacks._images_black_box.texture import fit_texture
from reticent.core import BadInput, ImageSpace

SPACES = [ImageSpace(shape=(9, 7)), ImageSpace(shape=(6, 8, 3))]


def public(space, n=30):
    rng = np.random.default_rng(1)
    rough = rng.standard_normal((n, *space.shape))
    smooth = rough + np.roll(rough, 1, axis=1) + np.roll(rough, 1, axis=2)
    return np.clip(0.5 + 0.1 * smooth, 0, 1)


@pytest.mark.parametrize("space", SPACES)
def test_amplitudes_and_pictures_are_each_others_way_back(space):
    texture = fit_texture(public(space), space, space.size)
    x = public(space, 4).reshape(4, -1)
    np.testing.assert_allclose(texture.decode(texture.encode(x)), x, atol=1e-12)


@pytest.mark.parametrize("space", SPACES)
def test_gradients_are_pulled_by_the_same_map_that_makes_pictures(space):
    texture = fit_texture(public(space), space, 12)
    rng = np.random.default_rng(2)
    modes, slope = rng.standard_normal((3, 12)), rng.standard_normal((3, space.size))
    by_pixel = np.sum((texture.decode(modes) - texture.mean) * slope, axis=1)
    np.testing.assert_allclose(np.sum(modes * texture.pull(slope), axis=1), by_pixel)


def test_draws_vary_as_the_public_pictures_do():
    space = SPACES[0]
    x = public(space, 400)
    texture = fit_texture(x, space, space.size)
    drawn = texture.decode(texture.draw(4000, np.random.default_rng(3)))
    assert texture.radius**2 == pytest.approx(np.sum(drawn.var(axis=0)), rel=0.2)
    assert (np.diff(texture.deviation) <= 0).all()


def test_a_person_among_the_public_gives_no_picture_away():
    space = SPACES[0]
    x = public(space)
    one, mirrored = (fit_texture(part, space, 40) for part in (x, 2 * x.mean(axis=0) - x))
    np.testing.assert_allclose(one.deviation, mirrored.deviation)
    np.testing.assert_allclose(one.spread, mirrored.spread)


@pytest.mark.parametrize("x", [np.zeros((1, 9, 7)), np.zeros((5, 9, 7))])
def test_pictures_that_are_all_alike_show_nothing(x):
    with pytest.raises(BadInput, match="no variation"):
        fit_texture(x, SPACES[0], 10)
