import numpy as np
import pytest

from reticent.attacks._images.generative import (
    LEAST,
    generated,
    independent_parts,
    learned,
    principal_parts,
)
from reticent.attacks._images.priors import Public, unit_rms
from reticent.core import ImageSpace, NotEnoughKnowledge

SPACE = ImageSpace(shape=(8, 8))


def _known(codes, parts, spread=0.1):
    rows = (0.5 + codes @ parts).astype(np.float32)
    mean = rows.mean(axis=0)
    return Public(rows=rows, mean=mean, spread=float(np.sqrt(((rows - mean) ** 2).mean())))


def _orthonormal(rng, n):
    return np.linalg.qr(rng.standard_normal((64, n)))[0].T


def _cosine(a, b):
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def test_principal_parts_keep_the_picture_and_drop_the_noise():
    rng = np.random.default_rng(1)
    parts = _orthonormal(rng, 4)
    known = _known(rng.standard_normal((40, 4)), parts)
    picture = (known.mean + np.array([1.0, -1.0, 0.5, 0.2]) @ parts).astype(np.float32)
    outside = rng.standard_normal(64)
    outside -= parts.T @ (parts @ outside)
    prior = principal_parts(known)
    likely = prior.likely((picture + outside)[None].astype(np.float32))[0]
    np.testing.assert_allclose(likely, prior.likely(picture[None])[0], atol=1e-3)
    assert _cosine(likely - known.mean, picture - known.mean) > 0.95
    # Wiener: a shade nearer to the mean than what was seen, by the noise that is expected.
    kept = np.linalg.norm(likely - known.mean) / np.linalg.norm(picture - known.mean)
    assert 0.5 < kept < 1


def test_independent_parts_are_found_where_principal_ones_are_mixed():
    rng = np.random.default_rng(2)
    parts = _orthonormal(rng, 3)
    codes = rng.laplace(size=(3000, 3)) ** 3  # few are strong at once
    codes /= codes.std(axis=0)
    prior = independent_parts(_known(codes, parts), rng)
    found = prior.mix[np.linalg.norm(prior.mix, axis=1) > 0.1]
    assert len(found) == 3
    match = np.abs(found @ parts.T) / np.linalg.norm(found, axis=1, keepdims=True)
    assert match.max(axis=1).min() > 0.97
    assert sorted(match.argmax(axis=1)) == [0, 1, 2]


def test_weak_parts_are_dropped_and_strong_ones_stay():
    rng = np.random.default_rng(3)
    parts = _orthonormal(rng, 3)
    known = _known(rng.laplace(size=(3000, 3)) ** 3, parts)
    prior = independent_parts(known, rng)
    first = prior.mix[0] / np.linalg.norm(prior.mix[0])
    strong, weak = 4 * prior.mix[0], 0.2 * prior.mix[1]
    likely = prior.likely((known.mean + strong + weak)[None].astype(np.float32))[0] - known.mean
    assert _cosine(likely, first) > 0.999
    np.testing.assert_allclose(np.linalg.norm(likely) / np.linalg.norm(strong), 3.65 / 4, rtol=1e-3)


@pytest.mark.parametrize("kind", ["pca", "ica"])
def test_a_direction_is_pulled_towards_what_can_be_drawn(kind):
    rng = np.random.default_rng(4)
    parts = _orthonormal(rng, 4)
    known = _known(rng.laplace(size=(60, 4)), parts)
    inside = (np.array([[2.0, 0, -1.0, 0]]) @ parts).astype(np.float32)
    noise = rng.standard_normal((1, 64)).astype(np.float32)
    direction = unit_rms(unit_rms(inside) + unit_rms(noise))
    prior = generated(learned(kind, known, SPACE, rng), 0.7, 0.3)
    rows = known.mean[None]
    better = prior(direction, rows, 0.0)
    assert _cosine(better, inside) > _cosine(direction, inside) + 0.1
    untouched = generated(learned(kind, known, SPACE, rng), 0.0, 0.3)(direction, rows, 0.0)
    np.testing.assert_allclose(untouched, direction, rtol=1e-5)


def test_too_few_pictures_and_unknown_kinds_are_refused():
    rng = np.random.default_rng(5)
    known = _known(rng.standard_normal((LEAST - 1, 2)), _orthonormal(rng, 2))
    with pytest.raises(NotEnoughKnowledge, match="takes 8"):
        learned("pca", known, SPACE, rng)
    with pytest.raises(ValueError, match="must be one of"):
        learned("gan", _known(rng.standard_normal((9, 2)), _orthonormal(rng, 2)), SPACE, rng)
