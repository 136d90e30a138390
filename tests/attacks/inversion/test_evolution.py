import numpy as np
import pytest

from reticent.attacks._images_black_box.shown import read
from reticent.attacks.inversion.evolution import LABEL_NATS, EvolvedPictures, fitness
from reticent.core import Answer, BudgetSpent
from reticent.policy import Policy
from reticent.testing.planted_images import plant_images
from reticent.testing.surprise import chances


@pytest.mark.parametrize("steps", [[], [{"kind": "round", "digits": 2}]])
@pytest.mark.parametrize("leak", [True, False])
def test_evolves_towards_what_was_planted_and_nothing_else(steps, leak):
    planted = plant_images(leak=leak, seed=3, policy=Policy.from_list(steps), n=10)
    claim = EvolvedPictures(queries=6000, genes=40).run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(5)
    )
    luck, _ = chances(claim, planted)
    assert luck < 1e-6 if leak else luck > 1e-3
    assert planted.access.queries == claim.notes["queries"] <= 6000


def test_less_than_a_generation_is_too_few():
    planted = plant_images(leak=True, seed=3, n=10)
    few = planted.through(exposed=planted.access.exposed, query_budget=159)
    with pytest.raises(BudgetSpent, match="may ask 159"):
        EvolvedPictures().run(few.access, few.candidates, few.knowledge, np.random.default_rng(5))


def test_a_withheld_score_counts_as_the_most_that_it_can_be():
    shown = read(Answer(scores=np.array([[0.75, np.nan, np.nan], [0.5, 0.25, 0.25]])), 3)
    odds = fitness(shown, np.array([1, 0]))
    np.testing.assert_allclose(odds, [np.log(0.125 / 0.875), 0.0])
    bare = read(Answer(labels=np.array([2, 0])), 3)
    np.testing.assert_array_equal(fitness(bare, np.array([2, 1])), [LABEL_NATS, 0.0])
