import pytest
from hypothesis import given, strategies as st

from reticent.guard.upstream.breaker import Breaker, BreakerSettings

SETTINGS = BreakerSettings(
    least_failures=4, share=0.5, window_s=10.0, rest_s=1.0, longest_rest_s=4.0
)


def opened(now_s=0.0):
    breaker = Breaker(SETTINGS)
    for _ in range(4):
        breaker.failed(breaker.admit(now_s), now_s)
    assert breaker.state == "open"
    return breaker


def test_opens_at_the_last_of_so_many_failures():
    breaker = Breaker(SETTINGS)
    for _ in range(3):
        breaker.failed(breaker.admit(0.0), 0.0)
        assert breaker.state == "closed"
    breaker.failed(breaker.admit(0.0), 0.0)
    assert breaker.state == "open"
    assert breaker.admit(0.999) is None
    assert breaker.retry_after_s(0.25) == 0.75


def test_failures_among_many_answers_do_not_open_it():
    breaker = Breaker(SETTINGS)
    for _ in range(100):
        breaker.succeeded(breaker.admit(0.0), 0.0)
        breaker.succeeded(breaker.admit(0.0), 0.0)
        breaker.failed(breaker.admit(0.0), 0.0)
    assert breaker.state == "closed"


def test_old_failures_are_forgotten():
    breaker = Breaker(SETTINGS)
    for now_s in (0.0, 20.0, 40.0, 60.0, 80.0, 100.0):
        breaker.failed(breaker.admit(now_s), now_s)
    assert breaker.state == "closed"


def test_one_trial_at_a_time_closes_it():
    breaker = opened()
    trial = breaker.admit(1.0)
    assert trial is not None
    assert breaker.admit(1.0) is None
    breaker.succeeded(trial, 1.5)
    assert breaker.state == "closed"
    assert breaker.admit(1.5) is not None


def test_after_it_closes_it_starts_counting_anew():
    breaker = opened()
    breaker.succeeded(breaker.admit(1.0), 1.0)
    breaker.failed(breaker.admit(1.0), 1.0)
    assert breaker.state == "closed"


def test_failed_trials_double_the_rest_up_to_the_longest():
    breaker, now_s = opened(), 0.0
    for rest_s in (1.0, 2.0, 4.0, 4.0):
        assert breaker.admit(now_s + rest_s - 0.001) is None
        now_s += rest_s
        breaker.failed(breaker.admit(now_s), now_s)
    breaker.succeeded(breaker.admit(now_s + 4.0), now_s + 4.0)
    for _ in range(4):
        breaker.failed(breaker.admit(now_s), now_s)
    assert breaker.admit(now_s + 1.0) is not None


def test_outcomes_from_before_it_opened_change_nothing():
    breaker = Breaker(SETTINGS)
    late = [breaker.admit(0.0) for _ in range(10)]
    for ticket in late[:4]:
        breaker.failed(ticket, 0.0)
    breaker.succeeded(late[4], 0.5)
    assert breaker.state == "open"
    trial = breaker.admit(1.0)
    breaker.failed(late[5], 1.1)
    breaker.succeeded(late[6], 1.1)
    assert breaker.state == "half-open"
    breaker.succeeded(trial, 1.2)
    for ticket in late[7:]:
        breaker.failed(ticket, 1.3)
    assert breaker.state == "closed"


def test_a_trial_that_nobody_waits_for_is_owed_still():
    breaker = opened()
    breaker.abandoned(breaker.admit(1.0), 1.5)
    assert breaker.admit(1.5) is not None


def test_an_abandoned_request_counts_nothing():
    breaker = Breaker(SETTINGS)
    for _ in range(100):
        breaker.abandoned(breaker.admit(0.0), 0.0)
    assert breaker.state == "closed"


@given(st.lists(st.tuples(st.sampled_from("sfa"), st.floats(0, 5), st.integers(0, 3))))
def test_it_never_gets_stuck(steps):
    breaker, now_s, held = Breaker(SETTINGS), 0.0, []
    for what, wait_s, which in steps:
        now_s += wait_s
        ticket = breaker.admit(now_s)
        if ticket is not None:
            held.append(ticket)
        if held and which:
            ticket = held.pop(which % len(held))
            {"s": breaker.succeeded, "f": breaker.failed, "a": breaker.abandoned}[what](
                ticket, now_s
            )
    for ticket in held:
        breaker.abandoned(ticket, now_s)
    assert breaker.retry_after_s(now_s) <= SETTINGS.longest_rest_s
    ticket = breaker.admit(now_s + SETTINGS.longest_rest_s)
    assert ticket is not None
    breaker.succeeded(ticket, now_s + SETTINGS.longest_rest_s)
    assert breaker.state == "closed"


@pytest.mark.parametrize("state", ["closed", "half-open"])
def test_retry_after_is_nought_unless_open(state):
    breaker = opened() if state == "half-open" else Breaker(SETTINGS)
    breaker.admit(1.0)
    assert breaker.retry_after_s(1.0) == 0.0
