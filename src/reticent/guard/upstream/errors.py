"""What can go wrong between the guard and a model server.

`what` is for the guard's own log and is made of our words and figures alone, never of bytes that
the server sent. `message` and `status` are for callers: one constant each, the same for every
server and every cause.
"""

from typing import ClassVar

from reticent.core.errors import ReticentError


class UpstreamError(ReticentError):
    """A model server gave no answer that can be used.

    Args:
        what: what happened, without a word of the server's.
        way_out: what the operator can do.
        retry_after_s: when asking again makes sense; 0 if that is not known.

    Attributes:
        status: HTTP status for callers.
        message: text for callers.
    """

    status: ClassVar[int] = 502
    message: ClassVar[str] = "The model gave no usable answer."

    def __init__(self, what: str, *, way_out: str = "", retry_after_s: float = 0.0) -> None:
        ReticentError.__init__(self, what, way_out=way_out)
        self.retry_after_s = retry_after_s


class UpstreamDown(UpstreamError):
    """No connection could be made, or it was lost, or the circuit is open."""

    status = 503
    message = "The model is not available."


class UpstreamSlow(UpstreamError):
    """The answer did not come, or did not end, in time."""

    status = 504
    message = "The model did not answer in time."


class UpstreamBusy(UpstreamError):
    """No connection became free in time: as many requests as allowed are under way already."""

    status = 503
    message = "The model is not available."


class UpstreamBad(UpstreamError):
    """The server answered with something that is no reply to a prediction."""


class Unsendable(UpstreamError):
    """A request that cannot be written as HTTP/1.1; nothing was sent."""
