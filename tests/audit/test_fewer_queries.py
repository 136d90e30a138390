"""Success is drawn against the queries that were really asked."""

import numpy as np
import pytest

from reticent.audit.fewer_queries import SHARES, success_curve, with_fewer
from reticent.core import BadAnswer, BudgetSpent, NotEnoughKnowledge
from reticent.stats.intervals import proportion

DRAWS = [np.random.default_rng(i) for i in range(len(SHARES))]


def rate(hits):
    return proportion(hits, 10, metric="rate")


def test_each_share_has_a_generator_of_its_own():
    asked = with_fewer(1600, DRAWS, lambda rng, budget: (rng, budget))
    assert asked == [(DRAWS[0], 100), (DRAWS[1], 400)]


@pytest.mark.parametrize("error", [BudgetSpent("spent"), NotEnoughKnowledge("too few")])
def test_what_an_attack_cannot_make_do_with_is_left_out(error):
    def run(rng, budget):
        if budget == 100:
            raise error
        return budget

    assert with_fewer(1600, DRAWS, run) == [400]


def test_a_model_that_does_not_work_is_no_lack_of_queries():
    def run(rng, budget):
        raise BadAnswer("NaN")

    with pytest.raises(BadAnswer):
        with_fewer(1600, DRAWS, run)


def test_a_curve_rises_with_the_queries_and_keeps_its_band():
    curve = success_curve([(400, rate(8)), (100, rate(2))])
    assert curve.name == "success_against_queries"
    assert (curve.x, curve.y) == ([100.0, 400.0], [0.2, 0.8])
    assert curve.lower == [rate(2).lower, rate(8).lower]
    assert curve.upper == [rate(2).upper, rate(8).upper]


def test_one_number_of_queries_makes_no_curve():
    nothing = proportion(0, 0, metric="rate")
    assert success_curve([(400, rate(8))]) is None
    assert success_curve([(400, rate(8)), (400, rate(7))]) is None
    assert success_curve([(400, rate(8)), (100, nothing)]) is None
