"""Evidence that shows the shape of a reply and not what it says of anybody."""

import json
import re
from typing import Any

from reticent.audit.probe_record import ProbeEvidence
from reticent.probe.client import Exchange

LONGEST = 300
_MOST_ITEMS = 4
_MOST_TEXT = 32
_DIGIT = re.compile(r"\d")


def evidence_of(exchange: Exchange, *, excerpt: str = "") -> ProbeEvidence:
    """Return an exchange as a record may keep it.

    Args:
        exchange: what was asked and said.
        excerpt: the part that matters, already harmless; default: the reply, masked.
    """
    request = f"{exchange.method} {exchange.path}"
    return ProbeEvidence(
        request=f"{request} ({exchange.sent})" if exchange.sent else request,
        keyed=exchange.keyed,
        status=exchange.status,
        excerpt=(excerpt or masked(exchange.body))[:LONGEST],
    )


def masked(body: bytes) -> str:
    """Return a reply with its digits as #, long lists cut and long texts shortened.

    >>> masked(b'{"scores": [0.98123, 0.01877], "id": "a7"}')
    '{"scores": [#.#####, #.#####], "id": "a#"}'
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        text = body[: 4 * LONGEST].decode("utf-8", errors="replace")
        return mask(" ".join(text.split()))[:LONGEST]
    try:
        return mask(json.dumps(_cut(found), ensure_ascii=False))[:LONGEST]
    except RecursionError:
        return "deeply nested JSON"


def mask(text: str) -> str:
    """Return a text with every digit as #.

    >>> mask("line 12")
    'line ##'
    """
    return _DIGIT.sub("#", text)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(each) for key, each in value.items()}
    if isinstance(value, list):
        more = [f"and {len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else []
        return [*map(_cut, value[:_MOST_ITEMS]), *more]
    if isinstance(value, str) and len(value) > _MOST_TEXT:
        return value[:_MOST_TEXT] + "..."
    return value
