"""The ledger books all or nothing, and never more than there is."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import numpy as np
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reticent.core import BudgetSpent
from reticent.ledger import QueryLedger

NAMES = st.sampled_from(["a", "b", "c"])


class LedgerAgainstModel(RuleBasedStateMachine):
    """Compare with a dictionary that nobody shares."""

    @initialize(query_budget=st.none() | st.integers(0, 50))
    def start(self, query_budget):
        self.query_budget = query_budget
        self.ledger = QueryLedger(query_budget)
        self.booked = Counter()

    @rule(name=NAMES, queries=st.integers(0, 60))
    def charge(self, name, queries):
        fits = self.query_budget is None or self.booked[name] + queries <= self.query_budget
        if fits:
            self.ledger.charge(name, queries)
            self.booked[name] += queries
        else:
            with pytest.raises(BudgetSpent):
                self.ledger.charge(name, queries)

    @rule(name=NAMES, queries=st.integers(-60, -1))
    def no_refunds(self, name, queries):
        with pytest.raises(ValueError, match="0 or more"):
            self.ledger.charge(name, queries)

    @invariant()
    def agrees(self):
        for name in "abc":
            assert self.ledger.spent(name) == self.booked[name]
            left = self.ledger.left(name)
            if self.query_budget is None:
                assert left is None
            else:
                assert left == self.query_budget - self.booked[name]
                assert left >= 0


TestLedgerAgainstModel = LedgerAgainstModel.TestCase
TestLedgerAgainstModel.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


class Contended(str):
    """A name that gives way to other threads whenever it is looked up."""

    def __hash__(self):
        sleep(0)
        return super().__hash__()


def test_threads_together_spend_exactly_the_budget():
    """A charge looks up, compares and books: without the lock, threads overspend in between."""
    ledger, start = QueryLedger(500), Barrier(8)

    def spend(_):
        start.wait()
        booked = 0
        for _ in range(200):
            try:
                ledger.charge(Contended("all"), 1)
                booked += 1
            except BudgetSpent:
                pass
        return booked

    with ThreadPoolExecutor(8) as pool:
        booked = sum(pool.map(spend, range(8)))
    assert booked == 500
    assert ledger.spent("all") == 500


def test_the_error_says_how_much_is_left():
    ledger = QueryLedger(10)
    ledger.charge("me", 7)
    with pytest.raises(BudgetSpent, match="'me' asked for 4 queries with 3 left of 10") as caught:
        ledger.charge("me", 4)
    assert "query_budget" in caught.value.way_out
    assert ledger.spent("me") == 7
    assert ledger.left("you") == 10


def test_counts_are_plain_integers_and_do_not_overflow():
    ledger = QueryLedger()
    for _ in range(2):
        ledger.charge("me", np.int64(2**62))
    ledger.charge("me", np.uint8(255))
    assert ledger.spent("me") == 2**63 + 255
    assert type(ledger.spent("me")) is int


def test_bad_amounts_are_refused():
    with pytest.raises(ValueError, match="query_budget is -1"):
        QueryLedger(-1)
    with pytest.raises(TypeError):
        QueryLedger().charge("me", 1.5)
