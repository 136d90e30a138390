import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from reticent.attacks._images.priors import (
    USUAL_SPREAD,
    blurred,
    broader,
    combined,
    leaning,
    moved,
    principal,
    public,
    set_apart,
    smooth,
    subspace,
    total_variation,
    unit_rms,
)
from reticent.core import ImageSpace, NotEnoughKnowledge, Population

SPACE = ImageSpace(shape=(8, 10))
RNG = np.random.default_rng(2)


def _known(n=6):
    x = SPACE.inputs(RNG.random((n, 80)))
    return public(Population(x=x, y=np.zeros(n)), SPACE)


def test_spread_is_the_distance_of_public_pictures_from_their_mean():
    known = _known(50)
    assert known.spread == pytest.approx(np.sqrt(1 / 12), rel=0.05)
    assert public(None, SPACE).spread == USUAL_SPREAD
    assert public(None, SPACE).mean.tolist() == [0.5] * 80


def test_a_blur_keeps_the_mean_and_flattens():
    rows = RNG.standard_normal((2, 80)).astype(np.float32)
    flat = blurred(rows, SPACE, 2.0)
    np.testing.assert_allclose(flat.mean(axis=1), rows.mean(axis=1), atol=1e-5)
    assert flat.std() < rows.std() / 3
    assert blurred(rows, SPACE, 0.0) is rows


@pytest.mark.parametrize("shape", [(8, 10), (9, 7, 3)])
def test_a_blur_is_a_gaussian_on_each_axis_and_never_across_colours(shape):
    space = ImageSpace(shape=shape)
    rows = RNG.standard_normal((3, space.size)).astype(np.float32)
    expected = gaussian_filter(
        rows.reshape(3, *shape).astype(float), (0, 1.3, 1.3, 0)[: 1 + len(shape)], truncate=3.0
    )
    found = blurred(rows, space, 1.3).reshape(3, *shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_broad_shapes_are_put_forward_and_fine_ones_left():
    x, y = np.meshgrid(np.arange(10), np.arange(8))
    broad, fine = 1.0 * (x >= 5).ravel() - 0.5, (-1.0) ** (x + y).ravel()
    rows = (broad + fine)[None].astype(np.float32)
    found = broader(SPACE, 2.0, 1.5)(rows, rows, 0.0)[0] - rows[0]
    assert found @ broad / (broad @ broad) > 1.4
    assert abs(found @ fine) / (fine @ fine) < 0.05


@pytest.mark.parametrize("power", [-0.5, 0.5])
def test_classes_are_set_apart_by_the_power_of_what_they_share(power):
    axes = np.linalg.qr(RNG.standard_normal((80, 3)))[0].T
    shares = np.array([[1, 1, 0], [1, -1, 0], [-1, 0, 1], [-1, 0, -1]]) * [9.0, 3.0, 1.0]
    rows = (shares @ axes).astype(np.float32)
    found = set_apart(power)(rows, rows, 0.0) @ axes.T
    variance = np.linalg.eigvalsh(rows @ rows.T)[1:]
    np.testing.assert_allclose(
        np.abs(found), np.abs(shares) * variance[::-1] ** power, rtol=1e-3, atol=1e-3
    )
    np.testing.assert_array_equal(set_apart(power)(rows[:2], rows, 0.0), rows[:2])


def test_leaning_keeps_half_of_a_direction_to_what_public_pictures_show():
    known = _known(12)
    basis, _ = principal(known, 11)
    rows = RNG.standard_normal((2, 80)).astype(np.float32)
    kept = leaning(known, SPACE, 1.0, 1.0)(rows, rows, 0.0)
    np.testing.assert_allclose(kept, kept @ basis.T @ basis, atol=1e-4)
    plain = leaning(known, SPACE, 0.0, 1.0)(rows, rows, 0.0)
    np.testing.assert_allclose(plain, unit_rms(blurred(rows, SPACE, 1.0)), atol=1e-6)
    half = leaning(known, SPACE, 0.5, 1.0)(rows, rows, 0.0)
    np.testing.assert_allclose(half, (kept + plain) / 2, atol=1e-6)


def test_the_blur_narrows_along_the_way():
    rows = RNG.standard_normal((1, 80)).astype(np.float32)
    prior = smooth(SPACE, 3.0, 0.5)
    assert prior(rows, rows, 0.0).std() < prior(rows, rows, 1.0).std()


def test_total_variation_pulls_a_lone_bright_pixel_down():
    rows = np.full((1, 80), 0.5, dtype=np.float32)
    rows[0, 34] = 1.0
    pull = total_variation(SPACE, 1.0)(np.zeros_like(rows), rows, 0.0)
    assert pull[0, 34] == pull.min() < 0
    assert pull.sum() == pytest.approx(0.0, abs=1e-5)


def test_the_subspace_holds_nothing_that_public_pictures_do_not():
    known = _known()
    basis, variance = principal(known, 3)
    assert (np.diff(variance) <= 0).all()
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-5)
    across = RNG.standard_normal((1, 80)).astype(np.float32)
    across -= across @ basis.T @ basis
    assert np.abs(subspace(known, 3)(across, across, 0.0)).max() < 1e-5
    with pytest.raises(NotEnoughKnowledge):
        principal(public(None, SPACE), 3)


def test_moving_there_and_back_changes_the_border_only():
    rows = RNG.random((1, 80)).astype(np.float32)
    by = np.array([1, -2])
    back = moved(moved(rows, SPACE, by), SPACE, -by).reshape(8, 10)
    np.testing.assert_array_equal(back[:-1, 2:], rows.reshape(8, 10)[:-1, 2:])


def test_rows_that_are_no_numbers_become_nothing():
    rows = np.array([[np.nan, np.nan], [3.0, 3.0], [0.0, 0.0]], dtype=np.float32)
    assert unit_rms(rows).tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


def test_priors_apply_in_turn():
    double = combined([lambda d, r, s: d + 1, lambda d, r, s: d * 2])
    assert double(np.ones((1, 2)), np.ones((1, 2)), 0.0).tolist() == [[4.0, 4.0]]
