"""The server hands out its own documentation and counters."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, names
from reticent.probe.excerpts import evidence_of

PATHS = ("/docs", "/redoc", "/openapi.json", "/swagger.json", "/metrics", "/v2/docs", "/debug")


@final
class DocumentationRoute:
    """Ask for documentation and metrics where they usually are."""

    id: ClassVar[str] = "documentation-route"
    title: ClassVar[str] = "Documentation and metrics"
    sends: ClassVar[str] = f"A GET to each of {', '.join(PATHS)}."
    most_requests: ClassVar[int] = len(PATHS)
    severity: ClassVar[Severity] = "low"
    way_out: ClassVar[str] = "Serve documentation and metrics to operators only."

    def run(self, scene: Scene) -> Result:
        """Return "found" if any is there."""
        tried = [scene.client.send("GET", path, patient=False) for path in PATHS]
        open_ones = [e for e in tried if e.status == 200 and e.body.strip()]
        if open_ones:
            return Result(
                outcome="found",
                why=f"{names([e.path for e in open_ones])} is open to whoever asks.",
                evidence=tuple(map(evidence_of, open_ones[:3])),
            )
        return Result(
            outcome="not found", why=f"None of {len(tried)} usual routes is there for us."
        )
