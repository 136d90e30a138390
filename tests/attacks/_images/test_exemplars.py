import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from reticent.attacks._images.exemplars import FEWEST, _places, redrawn
from reticent.attacks._images.priors import Public, blurred, unit_rms
from reticent.core import ImageSpace

SPACE = ImageSpace(shape=(40, 30))


def _faces(n, seed, space=SPACE):
    """Return pictures of four parts, each of which comes in five kinds: 625 faces of 20 parts."""
    parts = np.random.default_rng(0).standard_normal((5, space.size)).astype(np.float32)
    parts = 0.15 * unit_rms(blurred(parts, space, 3.0))
    kinds = np.random.default_rng(seed).integers(5, size=(n, 2, 2))
    h, w = space.shape[:2]
    which = np.repeat(np.repeat(kinds, -(-h // 2), axis=1), -(-w // 2), axis=2)[:, :h, :w]
    plane = parts.reshape(5, h, w, -1)
    rows = np.take_along_axis(plane[None], which[:, None, :, :, None], axis=1)[:, 0]
    return np.clip(0.5 + rows.reshape(n, -1), 0, 1).astype(np.float32)


def _public(n=120, space=SPACE):
    rows = _faces(n, 1, space)
    return Public(rows=rows, mean=rows.mean(axis=0), spread=0.15)


def _off(found, wanted):
    return float(np.sqrt(np.mean((found - wanted) ** 2)))


@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 3)])
def test_noise_goes_and_a_face_of_known_parts_stays(shape):
    space = ImageSpace(shape=shape)
    new = _faces(8, 2, space)
    noise = np.random.default_rng(3).standard_normal(new.shape).astype(np.float32)
    noisy = np.clip(new + 0.1 * noise, 0, 1)
    again = redrawn(noisy, _public(space=space), space, 1.0)
    assert _off(again, new) < 0.6 * _off(noisy, new)
    # It is this face that stays, and no other.
    assert _off(again, new) < 0.5 * _off(again, np.roll(new, 1, axis=0))


def test_share_lies_between_what_was_and_what_is_drawn_again():
    rows, known = _faces(4, 4), _public()
    whole = redrawn(rows, known, SPACE, 1.0)
    np.testing.assert_allclose(
        redrawn(rows, known, SPACE, 0.25), 0.75 * rows + 0.25 * whole, atol=1e-6
    )
    assert redrawn(rows, known, SPACE, 0.0) is rows


def test_too_few_public_pictures_change_nothing():
    rows = _faces(4, 4)
    assert redrawn(rows, _public(FEWEST - 1), SPACE, 1.0) is rows
    assert redrawn(rows, _public(FEWEST), SPACE, 1.0) is not rows


def test_a_picture_like_the_mean_is_left_at_the_mean():
    known = _public()
    np.testing.assert_allclose(
        redrawn(known.mean[None], known, SPACE, 1.0), known.mean[None], atol=1e-5
    )


@given(shape=st.tuples(st.integers(4, 60), st.integers(4, 60)), side=st.integers(4, 25))
@settings(deadline=None, max_examples=100)
def test_pieces_cover_the_whole_picture(shape, side):
    seen = np.zeros(shape, dtype=int)
    for down, right, tall, wide in _places(ImageSpace(shape=shape), side):
        assert 0 <= down <= shape[0] - tall
        assert 0 <= right <= shape[1] - wide
        seen[down : down + tall, right : right + wide] += 1
    assert seen.min() >= 1
