"""Errors say what went wrong inside."""

import re
from collections.abc import Iterator
from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene
from reticent.probe.client import Exchange
from reticent.probe.excerpts import evidence_of, mask

#: What nobody outside needs to read, and what each is called.
PATTERNS = (
    (
        "a stack trace",
        re.compile(r"Traceback \(most recent call last\)|^\s+at [\w.$]+\(.*\)$", re.M),
    ),
    (
        "a place in the source",
        re.compile(r'File "[^"]+", line \d+|\b[\w/.-]+\.(?:py|java|go|rs|cc|cpp):\d+'),
    ),
    (
        "a path of the server's disk",
        re.compile(
            r"(?:/(?:home|usr|opt|var|srv|app|root|work|mnt|data|tmp|etc|lib)/|[A-Z]:\\)[\w./\\-]+"
        ),
    ),
    (
        "the class of an exception",
        re.compile(r"\b(?:\w+\.)*[A-Z]\w*(?:Error|Exception)\b\s*[:(]"),
    ),
    (
        "a software version",
        re.compile(
            r"\b(?:python|numpy|scikit-learn|sklearn|torch|tensorflow|onnxruntime|xgboost|fastapi"
            r"|starlette|uvicorn|gunicorn|nginx|triton|mlserver|mlflow|vllm)[/ =v]+\d+\.\d+",
            re.I,
        ),
    ),
)


@final
class VerboseErrors:
    """Send questions that cannot be answered, and read what comes back."""

    id: ClassVar[str] = "verbose-errors"
    title: ClassVar[str] = "Verbose errors"
    sends: ClassVar[str] = "Questions that cannot be answered: broken JSON, wrong shapes and kinds."
    most_requests: ClassVar[int] = 8 * 4 + 3
    severity: ClassVar[Severity] = "medium"
    way_out: ClassVar[str] = "Turn debug pages off; answer errors with a fixed text."

    def run(self, scene: Scene) -> Result:
        """Return "found" if an error says what `PATTERNS` looks for."""
        asked = 0
        found: dict[str, tuple[Exchange, str]] = {}
        for exchange in self._provoked(scene):
            asked += 1
            text = exchange.body.decode("utf-8", errors="replace")
            for what, pattern in PATTERNS:
                if exchange.status != 200 and what not in found and (at := pattern.search(text)):
                    found[what] = exchange, _around(text, at)
        if found:
            return Result(
                outcome="found",
                why=f"Errors give away {', '.join(found)}.",
                evidence=tuple(
                    evidence_of(exchange, excerpt=f"{what}: {excerpt}")
                    for what, (exchange, excerpt) in list(found.items())[:4]
                ),
            )
        return Result(
            outcome="not found",
            why=f"{asked} questions that cannot be answered brought no word of the inside.",
        )

    def _provoked(self, scene: Scene) -> Iterator[Exchange]:
        paths = [route.path for route in (*scene.surface.routes, *scene.surface.refused)]
        for path in dict.fromkeys(paths[:4]):
            for said, body in BROKEN.items():
                yield scene.client.send("POST", path, body, sent=said, patient=False)
            yield scene.client.send("DELETE", path, sent="another method", patient=False)
        for path in ("/%00", "/v2/models/../../etc/hosts", "/no-such-route"):
            yield scene.client.send("GET", path, patient=False)


BROKEN = {
    "broken JSON": b'{"inputs": [',
    "no JSON": b"\xff\xfe",
    "an empty object": b"{}",
    "a list": b"[]",
    "a row of one text": b'{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", '
    b'"data": ["a"]}], "instances": [["a"]]}',
    "numbers beyond a double": b'{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", '
    b'"data": [1e999]}], "instances": [[1e999]]}',
    "null for a text": b'{"model": null, "input": null, "messages": null, "prompt": null}',
}


def _around(text: str, found: re.Match[str]) -> str:
    return mask(" ".join(text[found.start() : found.end() + 100].split()))[:160]
