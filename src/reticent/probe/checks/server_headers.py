"""Headers name the server's software."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.probe.base import Result, Scene
from reticent.probe.client import Exchange
from reticent.probe.excerpts import evidence_of, mask

NAMES = ("server", "x-powered-by", "x-aspnet-version", "x-runtime", "via", "x-served-by")


@final
class ServerHeaders:
    """Read the headers of every reply so far."""

    id: ClassVar[str] = "server-headers"
    title: ClassVar[str] = "Headers that name the software"
    sends: ClassVar[str] = "Nothing more: it reads the headers of the replies so far."
    most_requests: ClassVar[int] = 0
    severity: ClassVar[Severity] = "low"
    way_out: ClassVar[str] = "Drop such headers at the outermost server."

    def run(self, scene: Scene) -> Result:
        """Return "found" if a header names software."""
        seen: dict[str, tuple[str, Exchange]] = {}
        replies = [e for e in scene.client.log if e.status]
        for exchange in replies:
            for name in NAMES:
                if exchange.headers.get(name):
                    seen.setdefault(name, (exchange.headers[name], exchange))
        if seen:
            told = ", ".join(f"{name}: {mask(value)[:40]}" for name, (value, _) in seen.items())
            first = next(iter(seen.values()))[1]
            return Result(
                outcome="found",
                why=f"Replies carry {told}.",
                evidence=(evidence_of(first, excerpt=told),),
            )
        return Result(
            outcome="not found",
            why=f"None of {len(replies)} replies names the software it is from.",
        )
