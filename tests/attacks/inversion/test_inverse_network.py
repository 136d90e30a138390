import numpy as np
import pytest

from reticent.attacks._images_black_box.shown import Shown
from reticent.attacks._images_black_box.texture import fit_texture
from reticent.attacks.inversion.inverse_network import InverseNetwork, mixed, speaking
from reticent.core import BudgetSpent, ImageSpace
from reticent.policy import Policy
from reticent.testing import chances, plant_images

POLICIES = {
    "scores": [],
    "round2": [{"kind": "round", "digits": 2}],
    "top3": [{"kind": "top_k", "k": 3}],
    "labels": [{"kind": "hard_label"}],
}


@pytest.mark.parametrize("policy", POLICIES)
def test_finds_what_was_planted_and_nothing_else(policy):
    for leak in (True, False):
        planted = plant_images(leak=leak, seed=3, policy=Policy.from_list(POLICIES[policy]), n=10)
        claim = InverseNetwork(queries=2000, rounds=300).run(
            planted.access, planted.candidates, planted.knowledge, np.random.default_rng(5)
        )
        luck, _ = chances(claim, planted)
        assert luck < 1e-6 if leak else luck > 1e-3
        assert planted.access.queries == claim.notes["queries"] == 2000
        assert claim.notes["explained"] >= claim.notes["explained_by_line"] > 0


def test_public_pictures_serve_as_well():
    planted = plant_images(leak=True, seed=4, n=10)
    claim = InverseNetwork(queries=1000, rounds=200, material="public").run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(6)
    )
    assert chances(claim, planted)[0] < 1e-4


def test_a_small_budget_gives_a_partial_result_and_less_than_that_none():
    planted = plant_images(leak=True, seed=3, n=10)
    attack = InverseNetwork(rounds=20)
    for queries, fails in ((70, False), (63, True)):
        few = planted.through(exposed=planted.access.exposed, query_budget=queries)
        held = (few.access, few.candidates, few.knowledge, np.random.default_rng(5))
        if fails:
            with pytest.raises(BudgetSpent, match="may ask 63"):
                attack.run(*held)
        else:
            assert not attack.run(*held).notes["complete"]


def test_mixtures_lie_between_two_public_pictures():
    rng = np.random.default_rng(7)
    rows = rng.random((3, 36))
    texture = fit_texture(rows.reshape(3, 6, 6), ImageSpace(shape=(6, 6)), 36)
    modes = mixed(rows, texture, 200, rng)
    ends = texture.encode(rows)
    # Shares of the three public pictures: at most two are there, they are positive, and sum to 1.
    share = np.linalg.lstsq(
        np.concatenate([ends, np.ones((3, 1))], axis=1).T,
        np.concatenate([modes, np.ones((200, 1))], axis=1).T,
        rcond=None,
    )[0].T
    np.testing.assert_allclose(share @ ends, modes, atol=1e-6)
    assert share.min() > -1e-6
    assert np.sort(share, axis=1)[:, 0].max() < 1e-6
    assert share.max(axis=1).min() > 0.5 - 1e-6


def test_a_class_speaks_through_its_surest_answers_or_its_name():
    told = np.arange(400.0).reshape(100, 4)[::-1]
    shown = Shown(scores=told / 1600, labels=np.zeros(100, dtype=np.int64), step=0.0)
    own, named = speaking(shown, told, np.array([2, 0]))
    np.testing.assert_allclose(own, np.repeat([told[:4].mean(axis=0)], 2, axis=0))
    assert named.tolist() == [0, 100]
    bare = Shown(scores=np.full((3, 4), np.nan), labels=np.array([1, 1, 3]), step=0.0)
    hot = np.eye(4)[bare.labels]
    own, named = speaking(bare, hot, np.array([1, 2]))
    np.testing.assert_allclose(own, [[0, 1, 0, 0], hot.mean(axis=0)])
    assert named.tolist() == [2, 0]


@pytest.mark.parametrize("wrong", [{"queries": 0}, {"material": "photos"}, {"reach": 0.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        InverseNetwork(**wrong)
