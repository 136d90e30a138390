"""What the settings of an attack must keep to."""

import pytest

from reticent.attacks._settings import above_zero, at_least_one


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1."),
        ({"queries": 4, "modes": -1}, "queries is 4 and modes -1; both must be at least 1."),
        (
            {"queries": 4, "modes": 3, "rounds": 0},
            "queries is 4, modes 3 and rounds 0; each must be at least 1.",
        ),
    ],
)
def test_counts_below_one_are_refused_in_words(settings, said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the words are compared below
        at_least_one(**settings)
    assert str(caught.value) == said


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_what_is_not_above_zero_is_refused(value):
    with pytest.raises(ValueError, match=r"^contrast is 1\.0 and reach .*; both must be more"):
        above_zero(contrast=1.0, reach=value)


def test_the_least_that_is_allowed():
    at_least_one(steps=1, rounds=1)
    above_zero(reach=1e-9)
