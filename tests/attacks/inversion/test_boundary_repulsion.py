import numpy as np
import pytest

from reticent.attacks.inversion.boundary_repulsion import BoundaryRepulsion
from reticent.core import BudgetSpent
from reticent.policy import Policy
from reticent.testing.planted_images import plant_images
from reticent.testing.surprise import chances

LABELS = Policy.from_list([{"kind": "hard_label"}])


@pytest.mark.parametrize("leak", [True, False])
def test_finds_what_was_planted_and_nothing_else(leak):
    planted = plant_images(leak=leak, seed=3, policy=LABELS, n=10)
    claim = BoundaryRepulsion(queries=6000, genes=40).run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(5)
    )
    luck, _ = chances(claim, planted)
    assert luck < 1e-6 if leak else luck > 1e-3
    assert planted.access.queries == claim.notes["queries"] <= 6000


def test_more_questions_find_more():
    alike = []
    for queries in (250, 2000):
        planted = plant_images(leak=True, seed=4, policy=LABELS, n=10)
        looked = BoundaryRepulsion(queries=queries, genes=40).run(
            planted.access, planted.candidates, planted.knowledge, np.random.default_rng(5)
        )
        pairs = zip(looked.images.reshape(10, -1), planted.truth.answer.embeddings, strict=True)
        alike.append(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))
    assert alike[1] > alike[0]


def test_too_few_questions_are_refused():
    planted = plant_images(leak=True, seed=3, policy=LABELS, n=10)
    few = planted.through(exposed=planted.access.exposed, query_budget=31)
    with pytest.raises(BudgetSpent, match="may ask 31"):
        BoundaryRepulsion().run(few.access, few.candidates, few.knowledge, np.random.default_rng(5))
