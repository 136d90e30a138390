from dataclasses import replace

import numpy as np
import pytest

from reticent.attacks.inversion.surrogate_pictures import SurrogatePictures
from reticent.core import BudgetSpent, Candidates, NotEnoughKnowledge
from reticent.policy import Policy
from reticent.testing.planted_images import SIDE, plant_images
from reticent.testing.surprise import chances

POLICIES = {
    "scores": [],
    "two decimals": [{"kind": "round", "digits": 2}],
    "three best": [{"kind": "top_k", "k": 3}],
    "label and its confidence": [{"kind": "top_k", "k": 1}],
    "labels": [{"kind": "hard_label"}],
}
QUICK = SurrogatePictures(queries=1500, rounds=4)


def found(planted, attack=QUICK):
    claim = attack.run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(5)
    )
    return claim, chances(claim, planted)[0]


@pytest.mark.parametrize("name", POLICIES)
def test_finds_every_class_through_every_exposure(name):
    planted = plant_images(leak=True, seed=3, policy=Policy.from_list(POLICIES[name]), n=10)
    claim, luck = found(planted)
    assert luck < 1e-6
    assert claim.images.shape == (10, SIDE, SIDE)
    assert claim.images.min() >= 0
    assert claim.images.max() <= 1
    assert planted.access.queries == claim.notes["queries"] <= 1500


@pytest.mark.parametrize("name", ["scores", "labels"])
def test_stays_silent_on_a_model_of_drawn_labels(name):
    planted = plant_images(leak=False, seed=3, policy=Policy.from_list(POLICIES[name]), n=10)
    assert found(planted)[1] > 1e-3


def test_a_confidence_beside_the_label_never_hurts():
    luck = {}
    for name in ("labels", "label and its confidence"):
        alike = []
        for seed in range(3):
            policy = Policy.from_list(POLICIES[name])
            planted = plant_images(leak=True, seed=seed, policy=policy, n=10)
            claim, _ = found(planted, replace(QUICK, queries=400))
            prototypes = planted.truth.answer.embeddings
            pairs = zip(claim.images.reshape(10, -1), prototypes, strict=True)
            alike.extend(np.corrcoef(a, b)[0, 1] for a, b in pairs)
        luck[name] = np.mean(alike)
    assert luck["label and its confidence"] > luck["labels"]


def test_a_small_budget_gives_a_partial_picture_and_less_than_that_none():
    planted = plant_images(leak=True, seed=3, n=10)
    few = planted.through(exposed=planted.access.exposed, query_budget=40)
    claim, _ = found(few)
    assert few.access.queries == 40
    assert not claim.notes["complete"]
    with pytest.raises(BudgetSpent, match="may ask 7 questions"):
        found(planted.through(exposed=planted.access.exposed, query_budget=7))


@pytest.mark.parametrize("name", ["two decimals", "labels"])
@pytest.mark.parametrize("most", [200, 1500])
def test_coarse_answers_are_complete_only_when_all_questions_were_asked(name, most):
    policy = Policy.from_list(POLICIES[name])
    planted = plant_images(leak=True, seed=3, policy=policy, n=10)
    door = planted.through(exposed=planted.access.exposed, query_budget=most)
    assert found(door)[0].notes["complete"] == (most == 1500)


def test_says_what_is_wrong_with_the_wanted_classes():
    planted = plant_images(leak=True, seed=3, n=10)
    for y, words in ((None, "told of none"), (np.array([10]), "with 10")):
        with pytest.raises(NotEnoughKnowledge, match=words):
            found(replace(planted, candidates=Candidates(x=np.empty((1, 0)), y=y)))


@pytest.mark.parametrize("setting", [{"queries": 0}, {"contrast": 0.0}])
def test_refuses_senseless_settings(setting):
    with pytest.raises(ValueError, match="must"):
        SurrogatePictures(**setting)
