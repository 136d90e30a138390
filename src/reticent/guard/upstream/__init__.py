"""How the guard reaches model servers."""

from reticent.guard.upstream.base import StreamedReply, Upstream
from reticent.guard.upstream.client import HttpUpstream
from reticent.guard.upstream.errors import (
    Unsendable,
    UpstreamBad,
    UpstreamBusy,
    UpstreamDown,
    UpstreamError,
    UpstreamSlow,
)

__all__ = [
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
