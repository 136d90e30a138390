"""A new photo is matched to the stored vector with the greatest cosine."""

import numpy as np

from reticent.audit.images.identify import identified


def test_the_nearest_by_angle_is_who_it_is_said_to_be():
    stored = np.diag([1.0, 9.0, 1.0])  # a long vector is no nearer for that
    seen = np.array([[1.0, 0.1, 0.0], [0.0, 0.0, 2.0], [0.1, 1.0, 0.0], [np.nan, 1.0, 0.2]])
    assert identified(stored, seen, np.array([0, 1, 1, 1])).tolist() == [True, False, True, True]
