"""The server tells what its models are made of."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, names
from reticent.probe.excerpts import evidence_of


@final
class MetadataRoute:
    """Look at the plain requests about models with which the routes were found."""

    id: ClassVar[str] = "metadata-route"
    title: ClassVar[str] = "Model metadata"
    sends: ClassVar[str] = "Nothing more: it reads the replies of the search for models."
    most_requests: ClassVar[int] = 0
    severity: ClassVar[Severity] = "medium"
    way_out: ClassVar[str] = "Route only the paths that callers need."

    def run(self, scene: Scene) -> Result:
        """Return "found" if a list or a description of models came."""
        told = scene.surface.metadata
        if told:
            return Result(
                outcome="found",
                why=f"{names([e.path for e in told])} lists or describes models.",
                evidence=tuple(map(evidence_of, told[:3])),
            )
        return Result(
            outcome="not found", why="None of the usual routes lists or describes a model."
        )
