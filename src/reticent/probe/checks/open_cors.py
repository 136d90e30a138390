"""Any web page may ask in its visitor's browser."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene
from reticent.probe.excerpts import evidence_of

ORIGIN = "https://reticent-probe.invalid"


@final
class OpenCors:
    """Ask as a page of another site would."""

    id: ClassVar[str] = "open-cors"
    title: ClassVar[str] = "Any web page may ask (CORS *)"
    sends: ClassVar[str] = "A preflight and a GET with an Origin that nobody has."
    most_requests: ClassVar[int] = 2
    severity: ClassVar[Severity] = "medium"
    way_out: ClassVar[str] = "Allow only the origins of your own pages."

    def run(self, scene: Scene) -> Result:
        """Return "found" if that Origin, or any, is allowed."""
        path = scene.surface.routes[0].path if scene.surface.routes else "/"
        preflight = {"origin": ORIGIN, "access-control-request-method": "POST"}
        tried = [
            scene.client.send("OPTIONS", path, headers=preflight, sent="a preflight"),
            scene.client.send("GET", path, headers={"origin": ORIGIN}, sent="a foreign origin"),
        ]
        for exchange in tried:
            allowed = exchange.headers.get("access-control-allow-origin", "")
            if allowed in ("*", ORIGIN):
                return Result(
                    outcome="found",
                    why=f"The server answers a page of another site with "
                    f"Access-Control-Allow-Origin: {allowed}.",
                    evidence=(
                        evidence_of(exchange, excerpt=f"access-control-allow-origin: {allowed}"),
                    ),
                )
        return Result(outcome="not found", why="A page of another site is not let in.")
