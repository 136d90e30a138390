"""OpenTelemetry: one span a request, for models and outcomes, never for people."""

from typing import final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from reticent import __version__

NANO = 1_000_000_000


@final
class Tracer:
    """Sends spans to a collector, in batches and off the request's path.

    A span says which model, which policy, how many rows, what came of it and how long it took. It
    takes no trace identity from callers, who could otherwise write into each other's traces, and
    holds no identity, address, path or input.

    Args:
        exporter: where finished spans go.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        resource = Resource.create(
            {"service.name": "reticent-guard", "service.version": __version__}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("reticent.guard")

    def passed(
        self, *, model: str, outcome: str, rows: int, digest: str, ended_s: float, taken_s: float
    ) -> None:
        """Record one request.

        Args:
            model: "" where none was reached.
            outcome: "answered", or why not.
            rows: that were asked.
            digest: of the policy in force.
            ended_s: seconds since 1970.
            taken_s: how long it took.
        """
        span = self._tracer.start_span(
            "guard.request",
            kind=SpanKind.SERVER,
            start_time=int((ended_s - taken_s) * NANO),
            attributes={
                "reticent.model": model,
                "reticent.outcome": outcome,
                "reticent.rows": rows,
                "reticent.policy": digest,
            },
        )
        if outcome != "answered":
            span.set_status(Status(StatusCode.ERROR, outcome))
        span.end(end_time=int(ended_s * NANO))

    def close(self) -> None:
        """Send what is waiting; a collector that is away is waited for a few seconds at most."""
        self._provider.force_flush(timeout_millis=3000)
        self._provider.shutdown()


def open_tracer(url: str) -> Tracer:
    """Return a tracer for a collector that takes OTLP over HTTP at `url`."""
    return Tracer(OTLPSpanExporter(endpoint=url, timeout=3))
