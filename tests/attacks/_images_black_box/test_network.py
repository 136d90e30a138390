import numpy as np
import pytest

from reticent.attacks._images_black_box.network import fit_inverse


def _bent(seed, n=1500):
    """Return features and pictures of which half follow by a line and half by a square."""
    rng = np.random.default_rng(seed)
    told = rng.standard_normal((n, 3))
    pictures = np.concatenate([told @ rng.standard_normal((3, 2)), 2 * told[:, :2] ** 2], axis=1)
    return 5 + 3 * told, 1 + pictures


def test_a_network_finds_what_no_line_does():
    told, pictures = _bent(1)
    inverse = fit_inverse(told[:1200], pictures[:1200], np.random.default_rng(2), rounds=600)
    assert inverse.line_explained < 0.6
    assert inverse.explained > 0.9
    # Of answers that it never saw, too.
    missed = inverse.modes(told[1200:]) - pictures[1200:]
    assert np.mean(missed**2) < 0.15 * np.mean(
        (pictures[1200:] - pictures[:1200].mean(axis=0)) ** 2
    )


def test_where_a_line_says_all_the_network_does_not_spoil_it():
    rng = np.random.default_rng(3)
    told = rng.standard_normal((600, 6))
    pictures = told @ rng.standard_normal((6, 4)) + 0.5 * rng.standard_normal((600, 4))
    inverse = fit_inverse(told, pictures, rng, rounds=200)
    assert inverse.explained >= inverse.line_explained > 0.8


def test_answers_that_say_nothing_explain_nothing():
    rng = np.random.default_rng(4)
    inverse = fit_inverse(
        rng.standard_normal((600, 5)), rng.standard_normal((600, 4)), rng, rounds=200
    )
    assert inverse.explained < 0.05
    assert np.abs(inverse.modes(np.zeros((1, 5)))).max() < 0.5  # the mean picture, or nearly


def test_the_same_draws_give_the_same_inverse():
    told, pictures = _bent(5, 200)
    one, other = (
        fit_inverse(told, pictures, np.random.default_rng(6), rounds=40).modes(told)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)


def test_features_that_never_vary_do_no_harm():
    told, pictures = _bent(7, 200)
    told = np.concatenate([told, np.ones((200, 1))], axis=1)
    found = fit_inverse(told, pictures, np.random.default_rng(8), rounds=40).modes(told)
    assert np.isfinite(found).all()
    assert np.mean((found - pictures) ** 2) < np.mean((pictures - pictures.mean(axis=0)) ** 2)


def test_pictures_count_by_how_much_they_vary():
    rng = np.random.default_rng(9)
    told = rng.standard_normal((800, 2))
    loud, faint = 10 * told[:, :1] ** 2, 0.01 * rng.standard_normal((800, 1))
    inverse = fit_inverse(told, np.concatenate([loud, faint], axis=1), rng, rounds=400)
    assert inverse.explained > 0.8  # the noise is a millionth of what varies
    assert inverse.line_explained == pytest.approx(0, abs=0.1)
