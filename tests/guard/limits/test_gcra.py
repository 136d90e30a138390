"""No window of any length ever sees more than the rate and its burst, or the budget."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from reticent.guard.limits import gcra

STEPS = st.lists(st.tuples(st.integers(0, 40_000_000), st.integers(1, 15)), min_size=1, max_size=60)
RATES = st.one_of(
    st.integers(1, 10_000).map(float), st.floats(0.01, 10_000, allow_nan=False), st.just(1e9)
)


def admitted(steps, rate):
    """Return (time, rows) of what is let through, and (time, rows, wait) of what is not."""
    now = level = at = 0
    through, refused = [], []
    for gap, rows in steps:
        now += gap
        level, at = gcra.drained(level, at, now, rate), now
        wait = gcra.rate_wait_us(level, rows, rate)
        if wait == 0:
            level += rows * rate.units_per_row
            through.append((now, rows))
        else:
            refused.append((now, level, rows, wait))
    return through, refused


@given(steps=STEPS, rows_per_minute=RATES, burst=st.integers(1, 20))
def test_no_window_sees_more_than_burst_and_rate(steps, rows_per_minute, burst):
    through, _ = admitted(steps, gcra.rate_of(rows_per_minute, burst))
    per_us = Fraction(rows_per_minute) / gcra.US_PER_MINUTE
    for first in range(len(through)):
        rows = 0
        for time, more in through[first:]:
            rows += more
            assert rows <= burst + per_us * (time - through[first][0])


@given(steps=STEPS, rows_per_minute=RATES, burst=st.integers(1, 20))
def test_a_refusal_names_the_first_microsecond_that_would_do(steps, rows_per_minute, burst):
    rate = gcra.rate_of(rows_per_minute, burst)
    for now, level, rows, wait in admitted(steps, rate)[1]:
        if wait == gcra.NEVER_US:
            assert rows > burst
            continue
        assert gcra.rate_wait_us(gcra.drained(level, now, now + wait, rate), rows, rate) == 0
        assert gcra.rate_wait_us(gcra.drained(level, now, now + wait - 1, rate), rows, rate) > 0


@given(rows_per_minute=RATES, burst=st.integers(1, 1000))
def test_a_rest_brings_exactly_the_burst(rows_per_minute, burst):
    rate = gcra.rate_of(rows_per_minute, burst)
    through, refused = admitted([(0, 1)] * (burst + 1), rate)
    assert len(through) == burst
    assert len(refused) == 1
    assert admitted([(0, burst)], rate)[0] == [(0, burst)]


@given(rows_per_minute=RATES)
def test_whole_units_are_at_most_a_hair_slower(rows_per_minute):
    rate = gcra.rate_of(rows_per_minute, 1)
    true = Fraction(rows_per_minute) / gcra.US_PER_MINUTE
    ours = Fraction(rate.units_per_us, rate.units_per_row)
    assert true * (1 - Fraction(1, 2**16)) < ours <= true


def test_the_default_of_a_sensitive_model():
    rate = gcra.rate_of(6, 12)
    through, refused = admitted([(0, 12), (0, 1), (9_999_999, 1), (1, 1), (0, 1)], rate)
    assert through == [(0, 12), (10_000_000, 1)]
    assert [wait for *_, wait in refused] == [10_000_000, 1, 10_000_000]


def test_a_clock_that_went_back_drains_nothing():
    assert gcra.drained(500, 1000, 10, gcra.rate_of(6, 12)) == 500


@pytest.mark.parametrize(
    ("rows", "burst"), [(0, 1), (-1, 1), (float("inf"), 1), (float("nan"), 1), (1, 0)]
)
def test_rates_that_are_none(rows, burst):
    with pytest.raises(ValueError, match="rows a minute"):
        gcra.rate_of(rows, burst)


@given(
    steps=st.lists(st.tuples(st.integers(0, 700), st.integers(1, 15)), min_size=1, max_size=80),
    allowance=st.integers(1, 40),
    length_us=st.integers(1, 2000),
)
def test_no_rolling_window_sees_more_than_its_rows(steps, allowance, length_us):
    width = gcra.bucket_us(length_us / 1e6)
    now, buckets, through = 0, {}, []
    for gap, rows in steps:
        now += gap
        buckets = gcra.live(buckets, now // width)
        wait = gcra.window_wait_us(buckets, rows, allowance, width, now)
        in_reach = sum(r for t, r in through if t > now - (gcra.BUCKETS + 1) * width)
        if wait == 0:
            buckets[now // width] = buckets.get(now // width, 0) + rows
            through.append((now, rows))
            within = sum(r for t, r in through if t > now - length_us)
            assert within <= allowance
        elif wait == gcra.NEVER_US:
            assert rows > allowance
        else:
            assert in_reach + rows > allowance  # never later than one sub-window too long
            assert gcra.window_wait_us(buckets, rows, allowance, width, now + wait) == 0
            assert gcra.window_wait_us(buckets, rows, allowance, width, now + wait - 1) > 0
        assert len(buckets) <= gcra.BUCKETS + 1
