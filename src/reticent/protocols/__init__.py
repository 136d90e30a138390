"""How models are spoken to over HTTP, one protocol a file; the guard and the auditor share them."""

from functools import cache
from importlib.metadata import entry_points

from reticent.protocols.base import (
    BadQuestion,
    BadReply,
    Interface,
    Question,
    QuickProtocol,
    TextProtocol,
    WireProtocol,
    WireRequest,
    WireResponse,
)

__all__ = [
    "BadQuestion",
    "BadReply",
    "Interface",
    "Question",
    "QuickProtocol",
    "TextProtocol",
    "WireProtocol",
    "WireRequest",
    "WireResponse",
    "protocol_kinds",
]


@cache
def protocol_kinds() -> dict[str, type[WireProtocol] | type[TextProtocol]]:
    """Return kind -> protocol class, our own and every installed plug-in's."""
    loaded = {point.name: point.load() for point in entry_points(group="reticent.protocols")}
    return dict(sorted(loaded.items()))
