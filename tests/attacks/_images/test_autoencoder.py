import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from reticent.attacks._images.autoencoder import altered, fit_autoencoder
from reticent.attacks._images.priors import Public
from reticent.core import ImageSpace

SPACE = ImageSpace(shape=(12, 12))


def _public(rng, n):
    """Return pictures with three degrees of freedom, curved: a blob of any place and width."""
    y, x = np.mgrid[:12, :12]
    at, wide = rng.uniform(3, 9, size=(n, 2, 1, 1)), rng.uniform(1.5, 3, size=(n, 1, 1))
    blob = np.exp(-((y - at[:, 0]) ** 2 + (x - at[:, 1]) ** 2) / (2 * wide**2))
    return (0.2 + 0.6 * blob).reshape(n, -1).astype(np.float32)


@pytest.fixture(scope="module")
def learned():
    rng = np.random.default_rng(1)
    rows = _public(rng, 150)
    mean = rows.mean(axis=0)
    known = Public(rows=rows, mean=mean, spread=float(np.sqrt(((rows - mean) ** 2).mean())))
    return known, fit_autoencoder(known, SPACE, rng, rounds=600)


def _far(a, b):
    return np.sqrt(((a - b) ** 2).mean(axis=1))


def test_new_pictures_of_the_same_kind_come_back_without_their_noise(learned):
    known, prior = learned
    rng = np.random.default_rng(2)
    fresh = _public(rng, 40)
    noisy = fresh + 0.15 * rng.standard_normal(fresh.shape).astype(np.float32)
    back = prior.likely(noisy)
    assert np.median(_far(back, fresh) / _far(noisy, fresh)) < 0.5
    assert np.median(_far(back, fresh)) < 0.5 * np.median(_far(known.mean[None], fresh))


def test_what_it_makes_up_varies_and_looks_like_what_it_learned(learned):
    known, prior = learned
    rng = np.random.default_rng(3)
    drawn = prior.draw(60, rng)
    near = np.stack([_far(known.rows, one[None]).min() for one in drawn])
    odd = rng.standard_normal(drawn.shape)
    odd = gaussian_filter(odd.reshape(-1, 12, 12), (0, 1, 1)).reshape(60, -1)
    odd = known.mean + known.spread * odd / odd.std()
    far = np.stack([_far(known.rows, one[None]).min() for one in odd])
    assert np.median(near) < 0.7 * np.median(far)
    assert drawn.std(axis=0).mean() > 0.3 * known.rows.std(axis=0).mean()


def test_the_same_draws_give_the_same_network():
    rng = np.random.default_rng(4)
    rows = _public(rng, 20)
    known = Public(rows=rows, mean=rows.mean(axis=0), spread=0.1)
    found = [
        fit_autoencoder(known, SPACE, np.random.default_rng(5), rounds=20).likely(rows)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*found)


def test_teaching_pictures_are_moved_and_relit_and_no_more():
    rng = np.random.default_rng(6)
    rows = _public(rng, 30)
    known = Public(rows=rows, mean=rows.mean(axis=0), spread=0.1)
    seen = known.mean + 0.1 * altered(rows, known, SPACE, rng)
    light = seen.max(axis=1) / rows.max(axis=1)
    assert 0.89 < light.min() < 0.97
    assert 1.03 < light.max() < 1.11
