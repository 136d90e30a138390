"""Who has asked how much."""

from collections import Counter
from operator import index
from threading import Lock

from reticent.core import BudgetSpent


class QueryLedger:
    """Counts queries per identity and refuses past the budget; one row is one query.

    Args:
        query_budget: the most that each identity may ask; None for no limit.
    """

    def __init__(self, query_budget: int | None = None) -> None:
        if query_budget is not None and query_budget < 0:
            raise ValueError(f"query_budget is {query_budget}; it must be 0 or more, or None.")
        self._query_budget = query_budget
        self._spent: Counter[str] = Counter()
        self._lock = Lock()

    def charge(self, identity: str, queries: int) -> None:
        """Book `queries` for `identity`, all or nothing.

        Raises: BudgetSpent, which books nothing; ValueError for fewer than no queries, which
            would be a refund.
        """
        queries = index(queries)  # a numpy integer would overflow in time
        if queries < 0:
            raise ValueError(f"{identity!r} asked for {queries} queries; it must be 0 or more.")
        with self._lock:
            spent = self._spent[identity]
            if self._query_budget is not None and spent + queries > self._query_budget:
                raise BudgetSpent(
                    f"{identity!r} asked for {queries} queries with "
                    f"{self._query_budget - spent} left of {self._query_budget}.",
                    way_out="Raise query_budget, or choose an attack that asks less.",
                )
            self._spent[identity] = spent + queries

    def spent(self, identity: str) -> int:
        """Return the queries booked for `identity` so far."""
        return self._spent[identity]

    def left(self, identity: str) -> int | None:
        """Return the queries that `identity` may still ask; None if there is no limit."""
        if self._query_budget is None:
            return None
        return self._query_budget - self._spent[identity]
