"""A copy serves as a stepping stone to attributes, for a fixed number of questions."""

import numpy as np
import pytest
from scipy.stats import binom

from reticent.access import QUERIED
from reticent.attacks.base import Knowledge
from reticent.attacks.extraction.stepping_stone import SurrogateMap
from reticent.core import AttributeClaim, BudgetSpent, Channel, NotEnoughKnowledge, Seen
from reticent.testing import Planted, chances, plant_attribute, plant_tree, right_guesses


def run(case: Planted, queries: int = 1000) -> AttributeClaim:
    attack = SurrogateMap(queries=queries)
    rng = np.random.default_rng(1)
    return attack.run(case.access, case.candidates, case.knowledge, rng)


@pytest.mark.parametrize("exposed", [QUERIED, Channel.LABEL])
def test_gives_away_members_that_the_copy_was_taken_from(exposed: Channel) -> None:
    case = plant_attribute(reveal=1.0, seed=1, n=200).through(exposed=exposed)
    more, _ = chances(run(case), case)
    assert more < 1e-9


def test_learns_a_rule_from_few_questions_and_applies_it_to_all() -> None:
    """The planted tree tells by a rule, so the copy knows people it never asked about."""
    case = plant_tree(leak=True, seed=2, n=2000, n_population=100).through(exposed=Channel.LABEL)
    claim = run(case, queries=400)
    assert case.access.queries <= 400 < len(case.candidates)
    assert right_guesses(claim, case).mean() > 0.95


@pytest.mark.parametrize("regression", [False, True])
def test_is_silent_where_nothing_was_planted(regression: bool) -> None:
    case = plant_attribute(reveal=0.0, seed=3, regression=regression)
    found, is_member = right_guesses(run(case), case), case.truth.is_member
    chance = case.known["imputation_accuracy"]
    assert binom.sf(found[is_member].sum() - 1, is_member.sum(), chance) > 1e-3


def test_the_number_of_questions_does_not_grow_with_the_people() -> None:
    for n in (50, 400):
        case = plant_attribute(reveal=1.0, seed=4, n=n)
        claim = run(case, queries=500)
        assert case.access.queries == claim.notes["queries"] <= 500


def test_says_what_it_lacks() -> None:
    case = plant_attribute(reveal=1.0, seed=5, n=20)
    rng = np.random.default_rng(0)
    bare = Knowledge(domains=case.knowledge.domains, columns=case.knowledge.columns)
    with pytest.raises(NotEnoughKnowledge, match="rows of its own"):
        SurrogateMap().run(case.access, case.candidates, bare, rng)
    with pytest.raises(BudgetSpent):
        run(case.through(exposed=QUERIED, query_budget=10))
    blind = plant_attribute(reveal=1.0, seed=5, n=20, seen=Seen.NOTHING, regression=True)
    with pytest.raises(NotEnoughKnowledge, match="without the outcome"):
        run(blind)
