"""What Prometheus may know: models and outcomes, never who asked."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class _Answered:
    """What was answered for one model: rows, and how long it took."""

    __slots__ = ("buckets", "rows", "seconds")

    def __init__(self) -> None:
        self.rows = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(SECONDS) + 1)


class Metrics(Collector):
    """The guard's counters, in a registry of their own.

    Identities, keys and addresses are no labels: their number has no bound, and whoever reads
    metrics need not know them. Counting is adding to plain numbers, as the event loop is the only
    one who counts; Prometheus' own types, with a lock for each, are made when somebody looks.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._journal_is_up = True
        self._in_flight = 0
        self._requests: dict[tuple[str, str], int] = {}
        self._answered: dict[str, _Answered] = {}
        self._suspicions: dict[tuple[str, str], int] = {}
        self._matches: dict[tuple[str, str], int] = {}
        self._policies: list[tuple[str, str, str]] = []
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def arrived(self) -> None:
        """Count a request in."""
        self._in_flight += 1

    def left(self) -> None:
        """Count a request out."""
        self._in_flight -= 1

    def count(self, model: str, outcome: str) -> None:
        """Count how a request ended; `model` is "" where none was reached."""
        key = (model, outcome)
        self._requests[key] = self._requests.get(key, 0) + 1

    def answered(self, model: str, rows: int, seconds: float) -> None:
        """Count an answer: its rows and how long it took."""
        found = self._answered.get(model)
        if found is None:
            found = self._answered[model] = _Answered()
        found.rows += rows
        found.seconds += seconds
        found.buckets[bisect_left(SECONDS, seconds)] += 1

    def in_force(self, policies: list[tuple[str, str, str]]) -> None:
        """Publish (model, name of the policy, digest) of every endpoint.

        Models of several tenants may have one name; Prometheus takes a series once only.
        """
        self._policies = list(dict.fromkeys(policies))

    def suspected(self, model: str, detector: str) -> None:
        """Count a suspicion."""
        key = (model, detector)
        self._suspicions[key] = self._suspicions.get(key, 0) + 1

    def matched(self, model: str, tier: str) -> None:
        """Count something that the text filter took out of a text."""
        key = (model, tier)
        self._matches[key] = self._matches.get(key, 0) + 1

    def journal(self, *, up: bool) -> None:
        """Say whether the journal can be written."""
        self._journal_is_up = up

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Yield what was counted, in Prometheus' own types."""
        requests = CounterMetricFamily(
            "reticent_requests", "Requests.", labels=("model", "outcome")
        )
        for labels, times in self._requests.items():
            requests.add_metric(labels, times)
        rows = CounterMetricFamily("reticent_rows", "Rows that were answered.", labels=("model",))
        seconds = HistogramMetricFamily(
            "reticent_request_seconds",
            "From the request's headers to the end of the reply.",
            labels=("model",),
        )
        names = [*map(str, SECONDS), "+Inf"]
        for model, found in self._answered.items():
            rows.add_metric((model,), found.rows)
            counts = accumulate(found.buckets)
            seconds.add_metric((model,), list(zip(names, counts, strict=True)), found.seconds)
        in_flight = GaugeMetricFamily("reticent_in_flight", "Requests now.")
        in_flight.add_metric((), self._in_flight)
        policies = GaugeMetricFamily(
            "reticent_policy_in_force",
            "1 for the policy that a model's answers go through.",
            labels=("model", "policy", "digest"),
        )
        for policy in self._policies:
            policies.add_metric(policy, 1)
        suspicions = CounterMetricFamily(
            "reticent_suspicions", "Suspicions.", labels=("model", "detector")
        )
        for labels, times in self._suspicions.items():
            suspicions.add_metric(labels, times)
        matches = CounterMetricFamily(
            "reticent_text_matches",
            "Passages and items that the text filter found in texts.",
            labels=("model", "tier"),
        )
        for labels, times in self._matches.items():
            matches.add_metric(labels, times)
        journal = GaugeMetricFamily("reticent_journal_up", "0 while the journal cannot be written.")
        journal.add_metric((), float(self._journal_is_up))
        yield from (requests, rows, seconds, in_flight, policies, suspicions, matches, journal)
