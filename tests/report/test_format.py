"""Numbers are written one way, rounded so that no interval is printed too narrow."""

import math

from hypothesis import given, strategies as st

from report import sample
from reticent.report import format as fmt

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


def back(text: str) -> float:
    return float(text.replace(",", ""))


@given(finite)
def test_ends_are_rounded_outwards(value):
    down, up = back(fmt.number(value, "down")), back(fmt.number(value, "up"))
    slack = 1e-11 * abs(value)  # numbers are read to twelve digits first
    assert down <= value + slack
    assert up >= value - slack


@given(finite, finite, finite)
def test_a_printed_estimate_stays_within_its_printed_interval(a, b, c):
    lower, estimate, upper = sorted([a, b, c])
    printed = [
        back(fmt.number(lower, "down")),
        back(fmt.number(estimate)),
        back(fmt.number(upper, "up")),
    ]
    assert printed == sorted(printed)


@given(finite.filter(lambda v: abs(v) >= 0.01))
def test_nearest_is_near(value):
    assert math.isclose(back(fmt.number(value)), value, rel_tol=0.006, abs_tol=0.0005)


def test_no_data_is_not_zero():
    nothing = sample.figure("auc", None)
    assert fmt.full(nothing) == "no data, n = 0"
    assert fmt.number(float("nan")) == fmt.number(float("inf")) == "no data"
    assert fmt.number(0.0) == "0"


def test_a_tiny_number_is_not_printed_as_zero():
    assert back(fmt.number(3e-9)) > 0
    assert back(fmt.number(-0.0004)) < 0


def test_a_bound_on_one_side_is_open_on_the_other():
    bound = sample.figure("epsilon_lower", 1.72, 0.1, bounded=False)
    assert fmt.interval(bound.model_copy(update={"upper": None})).endswith(", ∞]")
    both = bound.model_copy(update={"lower": None, "upper": None})
    assert fmt.interval(both) == "[no interval]"


@given(st.text())
def test_cleaned_text_can_be_written_anywhere(text):
    cleaned = fmt.clean(text)
    assert len(cleaned) == len(text)
    cleaned.encode("utf-8")
    assert not any(ord(c) < 32 and c not in "\t\n\r" for c in cleaned)
    assert fmt.clean(cleaned) == cleaned


def test_the_reading_direction_cannot_be_turned():
    assert "\u202e" not in fmt.clean("user\u202egnp.exe")
    assert "עברית" in fmt.clean("עברית")


@given(st.text(max_size=30))
def test_an_anchor_is_harmless_and_stable(name):
    anchor = fmt.anchor(name)
    assert anchor == fmt.anchor(name)
    assert anchor.removeprefix("cell-").isalnum()
    assert anchor != fmt.anchor(name + "x")
