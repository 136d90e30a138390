"""Who asks without a key gets an answer."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, names
from reticent.probe.excerpts import evidence_of


@final
class NoAuthentication:
    """Ask every route that answers, without a key."""

    id: ClassVar[str] = "no-authentication"
    title: ClassVar[str] = "Answers without authentication"
    sends: ClassVar[str] = "One question to each route that was found, without a key."
    most_requests: ClassVar[int] = 20
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = "Let nobody ask without a key of their own."

    def run(self, scene: Scene) -> Result:
        """Return "found" if a question without a key was answered."""
        routes = (*scene.surface.routes, *scene.surface.refused)[: self.most_requests]
        asked = [
            route.first
            if not route.first.keyed
            else route.ask(scene.client, route.rows[:1], keyed=False, patient=False)[0]
            for route in routes
        ]
        answered = [e for e in asked if e.status == 200]
        if answered:
            return Result(
                outcome="found",
                why=f"A stranger is answered at {names([e.path for e in answered])}.",
                evidence=tuple(map(evidence_of, answered[:3])),
            )
        refused = [e for e in asked if e.is_refused]
        if refused:
            return Result(
                outcome="not found",
                why=f"{len(refused)} of {len(asked)} routes that were tried refuse a stranger, "
                "and none answers one.",
                evidence=tuple(map(evidence_of, refused[:1])),
            )
        return Result(
            outcome="inconclusive",
            why="No route was found that answers or refuses, so nothing can be said: name the "
            "model and its inputs.",
        )
