"""Profiles for range membership: near somebody, like nobody in particular."""

import numpy as np
import pandas as pd

from reticent.audit.profiles import REACH, draw_profiles
from reticent.core import Candidates


def people(n=80, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "income": rng.normal(50, 10, n),
            "children": rng.integers(0, 5, n),
            "town": rng.choice(["Oslo", "Bergen"], n),
        }
    )
    return Candidates(x=table, y=rng.integers(0, 2, n))


def test_every_profile_resembles_the_person_it_was_drawn_around():
    pool = people()
    profiles = draw_profiles(pool, None, np.random.default_rng(1))
    assert len(profiles.candidates) == len(pool)
    assert all(i in near for i, near in enumerate(profiles.near))
    assert profiles.candidates.y.tolist() == pool.y.tolist()


def test_numbers_move_a_little_and_words_and_counts_not_at_all():
    pool = people()
    moved = draw_profiles(pool, None, np.random.default_rng(1)).candidates.x
    off = np.abs(moved["income"] - pool.x["income"]) / np.std(pool.x["income"])
    assert (off > 0).all()
    assert off.max() <= REACH / np.sqrt(2)
    assert moved["children"].tolist() == pool.x["children"].tolist()
    assert moved["town"].tolist() == pool.x["town"].tolist()


def test_whoever_is_called_near_is_near_in_everything():
    pool = people(300)
    profiles = draw_profiles(pool, None, np.random.default_rng(2))
    x, y, moved = pool.x, pool.y, profiles.candidates.x
    spread = np.std(x["income"])
    for i, near in enumerate(profiles.near):
        close = (
            (np.abs(x["income"] - moved["income"][i]) <= REACH * spread * (1 + 1e-6))
            & (x["children"] == moved["children"][i])
            & (x["town"] == moved["town"][i])
            & (y == y[i])
        )
        assert sorted(near.tolist()) == np.flatnonzero(close).tolist()


def test_anybody_is_about_the_people_asked_for():
    profiles = draw_profiles(people(), None, np.random.default_rng(1))
    n = len(profiles.near)
    assert profiles.anybody(np.ones(n, dtype=bool)).all()
    assert not profiles.anybody(np.zeros(n, dtype=bool)).any()
    only = np.arange(n) == 3
    assert profiles.anybody(only).tolist() == [3 in near for near in profiles.near]


def test_the_distance_is_to_the_nearest_of_the_others():
    pool = people(30)
    profiles = draw_profiles(pool, pool.x, np.random.default_rng(1))
    assert (profiles.distance <= REACH).all()
    far = pool.x.assign(town="Nuuk")
    assert (draw_profiles(pool, far, np.random.default_rng(1)).distance >= 1).all()
    assert np.isinf(draw_profiles(pool, None, np.random.default_rng(1)).distance).all()


def test_arrays_have_profiles_too():
    x = np.random.default_rng(0).normal(size=(50, 3))
    pool = Candidates(x=x, y=np.zeros(50, dtype=int))
    profiles = draw_profiles(pool, x, np.random.default_rng(1))
    assert profiles.candidates.x.shape == x.shape
    assert not np.array_equal(profiles.candidates.x, x)
    assert all(i in near for i, near in enumerate(profiles.near))


def test_a_constant_and_a_missing_number_are_no_obstacle():
    pool = people(40)
    x = pool.x.assign(same=1.5)
    x.loc[3, "income"] = np.nan
    profiles = draw_profiles(Candidates(x=x, y=pool.y), x, np.random.default_rng(1))
    assert np.isnan(profiles.candidates.x["income"][3])
    assert np.isfinite(profiles.distance).all()
    assert 3 in profiles.near[3]
