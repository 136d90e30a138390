"""How the guard reaches model servers."""

from reticent.guard.upstream.base import StreamedReply, Upstream
from reticent.guard.upstream.breaker import Breaker, BreakerSettings
from reticent.guard.upstream.client import HttpUpstream
from reticent.guard.upstream.errors import (
    Unsendable,
    UpstreamBad,
    UpstreamBusy,
    UpstreamDown,
    UpstreamError,
    UpstreamSlow,
)
from reticent.guard.upstream.fused import FusedUpstream

__all__ = [
    "Breaker",
    "BreakerSettings",
    "FusedUpstream",
    "HttpUpstream",
    "StreamedReply",
    "Unsendable",
    "Upstream",
    "UpstreamBad",
    "UpstreamBusy",
    "UpstreamDown",
    "UpstreamError",
    "UpstreamSlow",
]
