"""What stays the same when a server is asked again: kinds and counts of values, not the values."""

import gzip
import json
from typing import Any

from served.exchange import Answer

_HEADER_LENGTH = "inference-header-content-length"


def shape(answer: Answer, *, counts: bool) -> Any:
    """Return the shape of a body.

    Args:
        answer: What a server said.
        counts: Whether lengths of lists belong to it; those of written text depend on the machine.
    """
    body = answer.body
    if answer.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if _HEADER_LENGTH in answer.headers:
        length = int(answer.headers[_HEADER_LENGTH])
        return _of(json.loads(body[:length]), counts), len(body) - length
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        lines = body.decode().splitlines()
        return frozenset(_of_line(line, counts) for line in lines if line)
    try:
        return _of(json.loads(body), counts)
    except ValueError:
        return "text" if body else "nothing"


def _of_line(line: str, counts: bool) -> Any:
    kind, _, data = line.partition(": ")
    if kind != "data" or data == "[DONE]":
        return kind, data
    return kind, _of(json.loads(data), counts)


def _of(value: Any, counts: bool, key: str = "") -> Any:
    if isinstance(value, dict):
        if key == "top_logprobs":  # its keys are words that the model might have said
            return "numbers by word"
        return frozenset((k, _of(v, counts, k)) for k, v in value.items())
    if isinstance(value, list):
        parts = [_of(each, counts, key) for each in value]
        return ("list", *parts) if counts else ("list", frozenset(parts))
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return "number"
