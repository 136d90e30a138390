"""How often a copy answers as the model does, beside a copy that always says the same."""

import numpy as np
import pytest

from reticent.audit.grade import grade_extraction
from reticent.core import Answer, ExtractionClaim

NOBODY = np.zeros(10, dtype=bool)


def labels(text):
    return np.array([int(letter) for letter in text])


def test_fidelity_is_counted_on_people_neither_was_fitted_to():
    inside = np.array([1] * 5 + [0] * 5, dtype=bool)
    model, copy = labels("0101001011"), labels("1010001010")
    graded = grade_extraction(
        ExtractionClaim(labels=copy), Answer(labels=model), inside, confidence=0.95
    )
    (fidelity,) = graded.figures
    assert fidelity.estimate == pytest.approx(4 / 5)
    assert (fidelity.n_members, fidelity.n_non_members) == (0, 5)
    assert graded.arrays["agrees"].tolist() == (copy == model).tolist()
    assert graded.gain.n_members == 0


def test_a_copy_that_says_the_same_to_everybody_gains_nothing():
    model = labels("0000000111")
    graded = grade_extraction(
        ExtractionClaim(labels=labels("0000000000")), Answer(labels=model), NOBODY, confidence=0.95
    )
    assert graded.baseline.estimate == pytest.approx(0.7)
    assert graded.gain.estimate == 0
    assert graded.gain.lower < 0


def test_a_perfect_copy_gains_what_the_constant_misses():
    model = labels("0011" * 50)
    graded = grade_extraction(
        ExtractionClaim(labels=model), Answer(labels=model), np.zeros(200, dtype=bool),
        confidence=0.95,
    )  # fmt: skip
    assert graded.gain.estimate == pytest.approx(0.5)
    assert graded.gain.lower > 0.4


def test_an_unrelated_copy_gains_nothing():
    rng = np.random.default_rng(0)
    model, copy = rng.integers(2, size=400), rng.integers(2, size=400)
    graded = grade_extraction(
        ExtractionClaim(labels=copy), Answer(labels=model), np.zeros(400, dtype=bool),
        confidence=0.95,
    )  # fmt: skip
    assert graded.gain.lower < 0


def test_a_regressor_is_copied_within_a_quarter_of_its_spread():
    values = np.array([-1.0, 1.0] * 5)  # spread 1, so within 0.25
    copy = values + np.array([0.2, 0.3] * 5)
    graded = grade_extraction(
        ExtractionClaim(values=copy), Answer(values=values), NOBODY, confidence=0.95
    )
    assert graded.figures[0].estimate == pytest.approx(0.5)
    assert graded.baseline.estimate == 0


def test_a_copy_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="another kind"):
        grade_extraction(
            ExtractionClaim(values=np.zeros(10)), Answer(labels=labels("0" * 10)), NOBODY,
            confidence=0.95,
        )  # fmt: skip
