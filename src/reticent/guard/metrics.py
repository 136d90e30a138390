"""What Prometheus may know: models and outcomes, never who asked."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The guard's counters, in a registry of their own.

    Identities, keys and addresses are no labels: their number has no bound, and whoever reads
    metrics need not know them.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "reticent_requests", "Requests.", ("model", "outcome"), registry=self.registry
        )
        self._rows = Counter(
            "reticent_rows", "Rows that were answered.", ("model",), registry=self.registry
        )
        self._seconds = Histogram(
            "reticent_request_seconds",
            "From the request's headers to the end of the reply.",
            ("model",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._in_flight = Gauge("reticent_in_flight", "Requests now.", registry=self.registry)
        self._policy = Gauge(
            "reticent_policy_in_force",
            "1 for the policy that a model's answers go through.",
            ("model", "policy", "digest"),
            registry=self.registry,
        )
        self._suspicions = Counter(
            "reticent_suspicions", "Suspicions.", ("model", "detector"), registry=self.registry
        )
        self._journal_up = Gauge(
            "reticent_journal_up", "0 while the journal cannot be written.", registry=self.registry
        )
        self.journal_is_up = True
        self._journal_up.set(1)
        # Looking a label up costs more than counting: keep what was looked up once.
        self._by_outcome: dict[tuple[str, str], Counter] = {}
        self._by_model: dict[str, tuple[Counter, Histogram]] = {}

    def arrived(self) -> None:
        """Count a request in."""
        self._in_flight.inc()

    def left(self) -> None:
        """Count a request out."""
        self._in_flight.dec()

    def count(self, model: str, outcome: str) -> None:
        """Count how a request ended; `model` is "" where none was reached."""
        key = (model, outcome)
        counter = self._by_outcome.get(key)
        if counter is None:
            counter = self._by_outcome[key] = self._requests.labels(model, outcome)
        counter.inc()

    def answered(self, model: str, rows: int, seconds: float) -> None:
        """Count an answer: its rows and how long it took."""
        pair = self._by_model.get(model)
        if pair is None:
            pair = (self._rows.labels(model), self._seconds.labels(model))
            self._by_model[model] = pair
        pair[0].inc(rows)
        pair[1].observe(seconds)

    def in_force(self, policies: list[tuple[str, str, str]]) -> None:
        """Publish (model, name of the policy, digest) of every endpoint."""
        self._policy.clear()
        for model, name, digest in policies:
            self._policy.labels(model, name, digest).set(1)

    def suspected(self, model: str, detector: str) -> None:
        """Count a suspicion."""
        self._suspicions.labels(model, detector).inc()

    def journal(self, *, up: bool) -> None:
        """Say whether the journal can be written."""
        self.journal_is_up = up
        self._journal_up.set(1 if up else 0)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
