"""What the guard says when it does not answer: few words, the same for everybody.

A refusal must not become an oracle. So an unknown path, another tenant's model and a model that
was not granted get one reply, and every limit gets one reply, whatever ran out.
"""


class Refused(Exception):
    """The reason why a request is not answered.

    Attributes:
        status: HTTP status to send.
        message: one of the guard's own sentences; never the caller's or the server's words.
        outcome: for the journal and the metrics.
        retry_after_s: when to come again; 0 for no such hint.
    """

    def __init__(self, status: int, message: str, outcome: str, retry_after_s: float = 0.0) -> None:
        Exception.__init__(self, status, outcome)
        self.status = status
        self.message = message
        self.outcome = outcome
        self.retry_after_s = retry_after_s


def unauthenticated() -> Refused:
    """Nobody has proved who they are."""
    return Refused(401, "A valid key or token is needed.", "unauthenticated")


def nothing_here() -> Refused:
    """No such model, or not for this caller."""
    return Refused(404, "There is nothing here for this caller.", "not found")


def unreadable(message: str = "The request cannot be read.") -> Refused:
    """The request makes no sense to the protocol."""
    return Refused(400, message, "unreadable")


def too_long() -> Refused:
    """More bytes than allowed."""
    return Refused(413, "The request is too long.", "too long")


def too_slow() -> Refused:
    """The body did not come in time."""
    return Refused(408, "The request took too long to arrive.", "too slow")


def unknown_encoding() -> Refused:
    """A body in a form that is not taken."""
    return Refused(415, "This content type or encoding is not taken here.", "encoding")


def invalid(message: str) -> Refused:
    """The inputs are not what the model takes."""
    return Refused(422, message, "invalid input")


def limited(retry_after_s: float, reason: str) -> Refused:
    """A rate, a budget or the number of requests in flight is used up."""
    return Refused(429, "The limit is reached. Try again later.", reason, retry_after_s)


def batch_too_large() -> Refused:
    """More rows than any rest would allow at once."""
    return Refused(413, "There are more rows in this request than one may have.", "too many rows")


def closed(outcome: str, retry_after_s: float = 1.0) -> Refused:
    """A part of the guard is away; it fails closed."""
    return Refused(503, "This service is not available at the moment.", outcome, retry_after_s)


def no_reply(status: int, message: str, outcome: str, retry_after_s: float = 0.0) -> Refused:
    """Return what is said when the model server gave nothing that can be used."""
    return Refused(status, message, outcome, retry_after_s)


def broken() -> Refused:
    """A fault of our own."""
    return Refused(500, "The request could not be dealt with.", "internal error")
