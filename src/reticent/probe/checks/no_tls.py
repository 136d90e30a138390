"""Questions and answers cross the network unprotected."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, not_run


@final
class NoTls:
    """Look at the URL."""

    id: ClassVar[str] = "no-tls"
    title: ClassVar[str] = "No TLS"
    sends: ClassVar[str] = "Nothing: it reads the URL."
    most_requests: ClassVar[int] = 0
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = "Serve https, and let http redirect to it or be shut."

    def run(self, scene: Scene) -> Result:
        """Return "found" for http beyond the loopback interface."""
        place = scene.client.place
        if place.scheme == "https":
            return Result(outcome="not found", why="The URL is https, and its certificate holds.")
        if place.is_loopback:
            return not_run("The server is on the loopback interface, where nobody listens in.")
        return Result(
            outcome="found",
            why=f"{place.url} answers without TLS: whoever is on the way reads questions, answers "
            "and keys.",
        )
