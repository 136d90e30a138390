"""The server explains its answers, feature by feature."""

import json
from typing import Any, ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene, names
from reticent.probe.excerpts import evidence_of

#: Where servers explain: Open Inference Protocol, KServe, TorchServe, and what people write.
PATHS = (
    "/v2/models/{}/explain",
    "/v1/models/{}:explain",
    "/explanations/{}",
    "/explain",
)
LEAST_NUMBERS = 2


@final
class ExplanationRoute:
    """Ask the usual explanation routes about one row, in the words of the prediction route."""

    id: ClassVar[str] = "explanation-route"
    title: ClassVar[str] = "Explanations of answers"
    sends: ClassVar[str] = "The prediction question, to the usual explanation routes of each model."
    most_requests: ClassVar[int] = 4 * 5
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = "Do not route explanations to callers."

    def run(self, scene: Scene) -> Result:
        """Return "found" if numbers came."""
        routes = scene.surface.predicting
        body, rows = b"{}", "an empty object"
        if routes:
            body, rows = routes[0].body(routes[0].rows[:1]), "1 row"
        paths = [path.format(m) for m in scene.surface.models or ("model",) for path in PATHS]
        tried = [
            scene.client.send("POST", path, body, sent=rows)
            for path in dict.fromkeys(paths[: self.most_requests])
        ]
        telling = [e for e in tried if e.status == 200 and numbers_in(e.body) >= LEAST_NUMBERS]
        if telling:
            return Result(
                outcome="found",
                why=f"{names([e.path for e in telling])} answers a row with numbers that explain "
                "the model's answer to it.",
                evidence=tuple(map(evidence_of, telling[:2])),
            )
        return Result(
            outcome="not found", why=f"None of {len(tried)} usual explanation routes answers us."
        )


def numbers_in(body: bytes) -> int:
    """Return how many fractions a reply in JSON holds.

    >>> numbers_in(b'{"a": [0.5, 1, [0.25]], "b": true}')
    2
    """
    try:
        return _count(json.loads(body))
    except (ValueError, RecursionError):
        return 0


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_count, value.values()))
    if isinstance(value, list):
        return sum(map(_count, value))
    return int(isinstance(value, float))
