"""Embeddings come as the model computed them."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, names
from reticent.probe.checks.full_precision_scores import MOST_DECIMALS, decimals
from reticent.probe.excerpts import evidence_of
from reticent.probe.surface import Route


@final
class RawEmbeddings:
    """Look at the vectors that came when the routes were found."""

    id: ClassVar[str] = "raw-embeddings"
    title: ClassVar[str] = "Raw embeddings"
    sends: ClassVar[str] = "Nothing more: it reads the replies with which the routes were found."
    most_requests: ClassVar[int] = 0
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = "Do not route embeddings to callers, or rotate, round and noise them."

    def run(self, scene: Scene) -> Result:
        """Return "found" if a vector has coordinates with more than `MOST_DECIMALS` decimals."""
        raw: list[Route] = []
        coarse: list[Route] = []
        for route in scene.surface.routes:
            if route.answer is not None and route.answer.embeddings is not None:
                full = decimals(route.answer.embeddings) > MOST_DECIMALS
                (raw if full else coarse).append(route)
        if raw:
            sizes = [
                r.answer.embeddings.shape[1]
                for r in raw
                if r.answer and r.answer.embeddings is not None
            ]
            return Result(
                outcome="found",
                why=f"{names([r.path for r in raw])} answers a text with a vector of {sizes[0]} "
                "numbers in full precision; such vectors can be turned back into text.",
                evidence=tuple(evidence_of(r.first) for r in raw[:2]),
            )
        if coarse:
            return Result(
                outcome="not found",
                why=f"{names([r.path for r in coarse])} gives vectors with at most "
                f"{MOST_DECIMALS} decimals.",
            )
        return Result(outcome="not found", why="None of the usual routes gives us an embedding.")
