import numpy as np
import pytest

from reticent.attacks._images.looks import MOST_MOVED, VARIED, confidence, looks, starts
from reticent.attacks._images.priors import Public
from reticent.core import ImageSpace

SPACE = ImageSpace(shape=(100, 80))


def _public(n):
    rows = np.random.default_rng(1).random((n, SPACE.size)).astype(np.float32)
    mean = rows.mean(axis=0) if n else np.full(SPACE.size, 0.5, dtype=np.float32)
    return Public(rows=rows, mean=mean, spread=0.1)


def test_the_first_look_is_plain_and_others_show_public_differences_moved_a_little():
    known = _public(5)
    first, *others = looks(known, SPACE, 40, np.random.default_rng(2))
    assert len(others) == 39
    assert not first.added.any()
    assert not first.by.any()
    away = VARIED * (known.rows - known.mean)
    for view in others:
        assert min(np.abs(view.added - one).max() for one in away) < 1e-6
    moved = np.array([view.by for view in others])
    assert moved.min() == -MOST_MOVED
    assert moved.max() == MOST_MOVED


def test_without_public_pictures_smooth_noise_as_strong_as_pictures_differ_stands_for_them():
    _, *others = looks(_public(0), SPACE, 4, np.random.default_rng(3))
    for view in others:
        assert view.added.std() == pytest.approx(0.1, rel=1e-3)
        plane = view.added.reshape(SPACE.shape)
        assert np.corrcoef(plane[1:].ravel(), plane[:-1].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("n", [0, 20])
def test_pictures_start_at_the_mean_and_then_elsewhere_in_range(n):
    known = _public(n)
    found = starts(known, SPACE, 3, np.random.default_rng(4))
    np.testing.assert_array_equal(found[0], known.mean)
    assert len(found) == 3
    for one in found:
        assert one.shape == (SPACE.size,)
        assert 0 <= one.min() <= one.max() <= 1
    assert np.abs(found[1] - found[2]).max() > 0.01


class _Bright:
    """Class 1 for pictures above the middle grey."""

    how = "by hand"

    def forward(self, rows):
        z = 20 * (rows.mean(axis=1) - 0.5)
        return np.stack([-z, z], axis=1), lambda slope: np.zeros_like(rows)


def test_confidence_is_the_share_of_views_that_agree():
    bright = np.full((1, SPACE.size), 0.6, dtype=np.float32)
    views = looks(_public(0), SPACE, 1, np.random.default_rng(5))
    sure = confidence(_Bright(), np.repeat(bright, 2, axis=0), np.array([1, 0]), views, SPACE)
    assert sure[0] > 0.95
    assert sure[1] < 0.05
