import numpy as np
import pytest

from reticent.core import Candidates, Domain, Population


def test_a_domain_without_a_prior_is_uniform():
    assert Domain(values=np.array(["a", "b", "c", "d"])).prior.tolist() == [0.25] * 4
    assert len(Domain(values=np.array([])).prior) == 0


def test_a_given_prior_is_kept():
    assert Domain(values=np.array([0, 1]), prior=np.array([0.9, 0.1])).prior.tolist() == [0.9, 0.1]


@pytest.mark.parametrize("values", [[0.0, 10.0, 20.0], [20.0, 0.0, 10.0]])
def test_a_value_on_a_scale_goes_to_the_nearest_grid_point(values):
    domain = Domain(values=np.array(values), continuous=True)
    found = domain.index_of(np.array([-5.0, 4.9, 5.1, 14.9, 99.0]))
    assert np.array(values)[found].tolist() == [0.0, 0.0, 10.0, 10.0, 20.0]


def test_a_category_goes_to_its_place_and_a_stranger_to_none():
    domain = Domain(values=np.array(["x", "y", None], dtype=object))
    assert domain.index_of(np.array(["y", "x", "z", None], dtype=object)).tolist() == [1, 0, -1, 2]


def test_missing_as_a_category_is_found_whichever_way_it_is_missing():
    domain = Domain(values=np.array(["x", np.nan], dtype=object))
    assert domain.index_of(np.array([None, "x", float("nan")], dtype=object)).tolist() == [1, 0, 1]
    numbers = Domain(values=np.array([0.0, np.nan]))
    assert numbers.index_of(np.array([np.nan, 0.0])).tolist() == [1, 0]


def test_lengths():
    x = np.zeros((3, 2))
    assert len(Candidates(x=x)) == 3
    assert len(Population(x=x, y=np.zeros(3))) == 3
