"""Written text comes with the probabilities of its words."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, names
from reticent.probe.excerpts import evidence_of


@final
class LogProbabilities:
    """Look for token scores in the texts that came when the routes were found."""

    id: ClassVar[str] = "log-probabilities"
    title: ClassVar[str] = "Log-probabilities of written text"
    sends: ClassVar[str] = "Nothing more: the routes were found by asking for log-probabilities."
    most_requests: ClassVar[int] = 0
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = 'Withhold them: { kind = "withhold", channels = ["scores"] }.'

    def run(self, scene: Scene) -> Result:
        """Return "found" if a text came with the scores of its tokens."""
        texts = [route for route in scene.surface.routes if route.reply is not None]
        telling = [
            route
            for route in texts
            if any(c.token_scores is not None for c in (route.reply.choices if route.reply else ()))
        ]
        if telling:
            return Result(
                outcome="found",
                why=f"{names([r.path for r in telling])} gives the log-probability of each word, "
                "from which it can be told whether a text was learned by heart.",
                evidence=tuple(evidence_of(r.first) for r in telling[:2]),
            )
        if texts:
            return Result(
                outcome="not found",
                why=f"{names([r.path for r in texts])} was asked for log-probabilities and gave "
                "the text alone.",
                evidence=(evidence_of(texts[0].first),),
            )
        return Result(outcome="not found", why="None of the usual routes writes text for us.")
