"""Noise that repeats do not average away, and that is what it says it is."""

import numpy as np
import pytest
from defences.strategies import chain, keyed
from hypothesis import given, strategies as st
from scipy import stats

from reticent.core import Answer
from reticent.defences import Keyed

NOISE = {
    "laplace": {"kind": "keyed_noise", "scale": 0.5, "distribution": "laplace"},
    "gaussian": {"kind": "keyed_noise", "scale": 0.5, "distribution": "gaussian"},
}
REPEATS = 1000


def noise_of(x, *, distribution="laplace", secret=b"s", before=0):
    """Return the noise itself: what is added to values of 0."""
    policy = chain(*[{"kind": "clip", "low": -1, "high": 1}] * before, NOISE[distribution])
    return policy.apply(Answer(values=np.zeros(len(x))), x, secret=secret).values


@pytest.mark.parametrize("distribution", NOISE)
def test_asking_again_gains_nothing(distribution):
    """The mean of 1,000 answers is as far off as one; with fresh noise it is far closer."""
    people = np.random.default_rng(0).normal(size=(400, 3))
    asked = np.repeat(people, REPEATS, axis=0)[: 40 * REPEATS]
    answers = noise_of(asked, distribution=distribution).reshape(-1, REPEATS)
    assert (answers == answers[:, :1]).all()

    once = noise_of(people, distribution=distribution)
    mean_of_repeats = np.array([noise_of(np.repeat(p[None], 50, 0)).mean() for p in people])
    assert np.var(mean_of_repeats) == pytest.approx(np.var(noise_of(people)), rel=1e-9)

    fresh = np.random.default_rng(1).laplace(scale=0.5, size=(400, REPEATS))
    assert np.var(fresh.mean(axis=1)) < np.var(once) / 300  # the attack works where it can


def test_asking_in_batches_or_alone_is_the_same_question():
    x = np.random.default_rng(2).normal(size=(5, 3))
    together = noise_of(x)
    assert together.tolist() == [noise_of(row[None])[0] for row in x]
    assert noise_of(x[::-1]).tolist() == together[::-1].tolist()


@pytest.mark.parametrize(
    ("distribution", "law"),
    [("laplace", stats.laplace(scale=0.5)), ("gaussian", stats.norm(scale=0.5))],
)
def test_the_noise_follows_its_law(distribution, law):
    draws = noise_of(np.arange(20_000.0)[:, None], distribution=distribution)
    assert stats.kstest(draws, law.cdf).pvalue > 1e-3
    assert stats.kstest(draws, (stats.laplace(scale=0.55)).cdf).pvalue < 1e-6  # it could fail
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 5 / np.sqrt(len(draws))


def test_uniforms_are_uniform_in_every_column_and_independent_across_them():
    u = keyed(np.arange(5_000.0)[:, None]).uniforms(7)  # 7 x 8 bytes: two hashes a row
    assert u.shape == (5_000, 7)
    for column in u.T:
        assert stats.kstest(column, stats.uniform.cdf).pvalue > 1e-4
    off = np.corrcoef(u.T) - np.eye(7)
    assert np.abs(off).max() < 6 / np.sqrt(5_000)


def test_noise_differs_between_secrets_steps_and_questions():
    x = np.random.default_rng(3).normal(size=(500, 3))
    one = noise_of(x)
    for other in (noise_of(x, secret=b"t"), noise_of(x, before=1), noise_of(x + 1e-9)):
        assert (one != other).all()
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(500)
    assert len(set(one.tolist())) == 500
    twice = chain(NOISE["laplace"], NOISE["laplace"])
    both = twice.apply(Answer(values=np.zeros(500)), x, secret=b"s").values
    assert abs(np.corrcoef(one, both - one)[0, 1]) < 5 / np.sqrt(500)


@pytest.mark.parametrize("raw", [b"\x00" * 8, b"\xff" * 8, b"\xff" * 7 + b"\x7f"])
def test_the_interval_is_open_at_both_ends(raw, monkeypatch):
    from reticent.defences import base

    monkeypatch.setattr(base.hmac, "digest", lambda *_: raw * 4)
    u = Keyed(b"", lambda: [b"row"]).uniforms(4)
    assert ((u > 0) & (u < 1)).all()


@given(st.integers(0, 9), st.integers(0, 3))
def test_any_shape(width, rows):
    u = Keyed(b"k", lambda: [b"%d" % i for i in range(rows)]).uniforms(width)
    assert u.shape == (rows, width)
    wide = Keyed(b"k", lambda: [b"%d" % i for i in range(rows)]).uniforms(width + 4)
    assert (wide[:, :width] == u).all()


def test_class_scores_are_clipped_and_not_brought_back_to_a_sum_of_one():
    scores = np.tile([0.7, 0.3], (2_000, 1))
    answer = Answer(labels=np.zeros(2_000, dtype=int), scores=scores)
    x = np.arange(2_000.0)[:, None]
    found = chain(NOISE["laplace"]).apply(answer, x, secret=b"s").scores
    assert ((found >= 0) & (found <= 1)).all()
    assert (found == 0).any()
    assert (found == 1).any()
    assert np.abs(found.sum(axis=1) - 1).max() > 0.5
    inside = ((found > 0) & (found < 1)).all(axis=1)
    noise = found[inside] - scores[inside]
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.2  # each class draws its own
