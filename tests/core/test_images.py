import numpy as np
import pytest

from reticent.core import BadInput, ImageSpace


def test_a_model_of_rows_is_asked_in_its_units_and_gives_the_picture_back():
    space = ImageSpace(shape=(2, 3), low=-1.0, high=3.0, flat=True)
    pictures = np.linspace(0, 1, 12).reshape(2, 2, 3)
    asked = space.inputs(pictures)
    assert asked.shape == (2, 6)
    assert (asked.min(), asked.max()) == (-1.0, 3.0)
    np.testing.assert_allclose(space.pictures(asked), pictures)


def test_a_model_of_arrays_is_asked_in_their_shape():
    space = ImageSpace(shape=(2, 3, 3))
    assert space.inputs(np.zeros((4, 18))).shape == (4, 2, 3, 3)


@pytest.mark.parametrize("shape", [(5, 3, 2), (5, 7), (6,), (5, 2, 3, 1)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(BadInput, match="no pictures of shape"):
        ImageSpace(shape=(2, 3)).pictures(np.zeros(shape))


@pytest.mark.parametrize(
    ("shape", "low", "high"), [((3, 4, 4), 0, 1), ((2, 0), 0, 1), ((2, 2), 1, 1)]
)
def test_impossible_spaces_are_refused(shape, low, high):
    with pytest.raises(BadInput):
        ImageSpace(shape=shape, low=low, high=high)
