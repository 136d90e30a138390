"""Rows read out of a model: whose are they?"""

import numpy as np
import pytest

from reticent.audit.grade import grade_artefact


def grade(found, inside):
    return grade_artefact(
        np.array(found, dtype=bool), np.array(inside, dtype=bool), confidence=0.95
    )


def test_figures_are_those_worked_out_by_hand():
    graded = grade([1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0])
    assert graded.primary.estimate == pytest.approx(0.75)
    assert graded.p_value == pytest.approx(4 / 56)  # Fisher: C(4,3) C(4,0) / C(8,3)
    assert [(f.estimate, f.n_members > 0) for f in graded.figures] == [(0.75, True), (0, False)]
    assert graded.content == graded.primary


def test_a_hit_among_strangers_is_a_coincidence_and_counts_against():
    graded = grade([1, 0] * 50, [1, 1, 0, 0] * 25)
    assert graded.primary.estimate == 0
    assert graded.primary.lower < 0
    assert graded.p_value > 0.5


def test_shuffled_membership_kills_the_finding():
    rng = np.random.default_rng(0)
    inside = rng.random(300) < 0.5
    assert grade(inside, inside).primary.lower > 0.9
    assert grade(inside, rng.permutation(inside)).primary.lower < 0


def test_nobody_found_is_nothing_and_not_no_data():
    graded = grade([0] * 8, [1, 0] * 4)
    assert graded.primary.estimate == 0
    assert graded.p_value == 1


def test_one_side_alone_gives_no_data():
    graded = grade([1, 1], [1, 1])
    assert graded.primary.estimate is None
