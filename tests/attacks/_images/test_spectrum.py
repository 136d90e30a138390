import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from reticent.attacks._images.priors import Public
from reticent.attacks._images.spectrum import bands, powers, shaped
from reticent.core import ImageSpace

GREY, COLOUR = ImageSpace(shape=(24, 20)), ImageSpace(shape=(16, 16, 3))


def _noise(rng, n, space, width, strength):
    wide = (0, width, width, 0)[: 1 + len(space.shape)]
    x = gaussian_filter(rng.standard_normal((n, *space.shape)), wide).reshape(n, -1)
    return strength * x / x.std()


def _known(rng, space):
    rows = (0.5 + _noise(rng, 60, space, 3.0, 0.1)).astype(np.float32)
    return Public(rows=rows, mean=rows.mean(axis=0), spread=0.1)


@pytest.mark.parametrize("space", [GREY, COLOUR], ids=["grey", "colour"])
def test_what_is_too_fine_becomes_as_coarse_as_public_pictures(space):
    rng = np.random.default_rng(1)
    known = _known(rng, space)
    true = _noise(rng, 20, space, 3.0, 0.05)
    rows = (known.mean + true + _noise(rng, 20, space, 0.3, 0.05)).astype(np.float32)
    found = shaped(rows, known, space, 1.0)
    band = bands(space)
    usual = np.median(powers(known.rows - known.mean, space, band), axis=0)
    np.testing.assert_allclose(
        powers(found - known.mean, space, band).mean(axis=0), usual, rtol=0.2
    )

    def alike(x):
        away = x - known.mean
        lengths = np.linalg.norm(away, axis=1) * np.linalg.norm(true, axis=1)
        return np.median(np.einsum("ij,ij->i", away, true) / lengths)

    assert alike(found) > alike(rows) + 0.1


def test_part_of_the_way_lies_between_and_none_of_it_is_nothing():
    rng = np.random.default_rng(2)
    known = _known(rng, GREY)
    rows = (known.mean + _noise(rng, 5, GREY, 0.3, 0.05)).astype(np.float32)
    band = bands(GREY)
    fine = [
        powers(shaped(rows, known, GREY, power) - known.mean, GREY, band).mean(axis=0)[-1]
        for power in (0.0, 0.5, 1.0)
    ]
    assert fine[0] > fine[1] > fine[2]
    assert fine[1] ** 2 == pytest.approx(fine[0] * fine[2], rel=0.05)
    assert shaped(rows, known, GREY, 0.0) is rows


def test_few_public_pictures_change_nothing_and_flat_ones_stay_flat():
    rng = np.random.default_rng(3)
    known = _known(rng, GREY)
    few = Public(rows=known.rows[:3], mean=known.mean, spread=0.1)
    rows = rng.random((2, 480)).astype(np.float32)
    assert shaped(rows, few, GREY, 1.0) is rows
    still = np.repeat(known.mean[None], 2, axis=0)
    np.testing.assert_allclose(shaped(still, known, GREY, 1.0), still, atol=1e-5)


def test_bands_are_numbered_from_coarse_to_fine_without_gaps():
    for space in (GREY, COLOUR, ImageSpace(shape=(8, 8))):
        band = bands(space)
        assert band.shape == space.shape
        assert np.unique(band).tolist() == list(range(band.max() + 1))
        assert band.ravel()[0] == 0
        assert band[-1, -1].max() == band.max()
