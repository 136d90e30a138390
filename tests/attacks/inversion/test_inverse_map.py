import numpy as np
import pytest

from reticent.attacks._images_black_box.shown import read
from reticent.attacks.inversion.inverse_map import InverseMap, features
from reticent.core import Answer, BudgetSpent
from reticent.policy import Policy
from reticent.testing.planted_images import plant_images
from reticent.testing.surprise import chances


@pytest.mark.parametrize(
    "steps", [[], [{"kind": "round", "digits": 2}], [{"kind": "top_k", "k": 3}], "labels"]
)
@pytest.mark.parametrize("leak", [True, False])
def test_finds_what_was_planted_and_nothing_else(steps, leak):
    policy = Policy.from_list([{"kind": "hard_label"}] if steps == "labels" else steps)
    planted = plant_images(leak=leak, seed=3, policy=policy, n=10)
    claim = InverseMap(queries=2000).run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(5)
    )
    luck, _ = chances(claim, planted)
    assert luck < 1e-6 if leak else luck > 1e-3
    assert planted.access.queries == claim.notes["queries"] == 2000


def test_a_small_budget_gives_a_partial_result_and_less_than_that_none():
    planted = plant_images(leak=True, seed=3, n=10)
    attack = InverseMap()
    for queries, fails in ((40, False), (31, True)):
        few = planted.through(exposed=planted.access.exposed, query_budget=queries)
        held = (few.access, few.candidates, few.knowledge, np.random.default_rng(5))
        if fails:
            with pytest.raises(BudgetSpent, match="may ask 31"):
                attack.run(*held)
        else:
            assert not attack.run(*held).notes["complete"]


def test_answers_become_numbers_whatever_they_withhold():
    labels = features(read(Answer(labels=np.array([1, -1])), 3))
    np.testing.assert_array_equal(labels, [[0, 1, 0], [0, 0, 0]])
    scores = features(read(Answer(scores=np.array([[0.75, np.nan, np.nan]])), 3))
    np.testing.assert_allclose(scores[0, 0] - scores[0, 1], np.log(0.75 / 0.125))
