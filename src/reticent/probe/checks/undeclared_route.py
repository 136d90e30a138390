"""A live route that the guard's configuration does not declare."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, names, not_run
from reticent.probe.excerpts import evidence_of


@final
class UndeclaredRoute:
    """Hold every path that answered against the declared ones."""

    id: ClassVar[str] = "undeclared-route"
    title: ClassVar[str] = "Undeclared live routes"
    sends: ClassVar[str] = "Nothing more: it holds what answered against the configuration."
    most_requests: ClassVar[int] = 0
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = "Declare the route as a [[guard.endpoint]], or shut it."

    def run(self, scene: Scene) -> Result:
        """Return "found" if a path answered with 200 that is not declared."""
        declared = scene.surface.declared
        if declared is None:
            return not_run("No configuration was given to hold it against (--against).")
        live = {e.path: e for e in scene.client.log if e.status == 200 and e.method != "OPTIONS"}
        strange = [e for path, e in live.items() if path not in declared]
        if strange:
            return Result(
                outcome="found",
                why=f"{names([e.path for e in strange])} answers and is not declared.",
                evidence=tuple(map(evidence_of, strange[:4])),
            )
        return Result(
            outcome="not found",
            why=f"Of {len({e.path for e in scene.client.log})} paths that were tried, only "
            f"declared ones answered ({len(live)} of {len(declared)}).",
        )
