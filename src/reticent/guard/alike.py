"""Messages of a kept connection that are alike but for their length and their body."""

from typing import final

_MOST_DIGITS = 9


@final
class AlikeButLength:
    """A head that was read and checked, with the digits of its length taken out.

    A parser comes to the same end with the same bytes. So bytes that begin like this, with other
    digits in that place and as long a body behind, need not be read again.

    Args:
        start, end: the head before and after the digits.

    Attributes:
        most_bytes: longest head that is taken for alike.
    """

    __slots__ = ("_end", "_head", "_head_bytes", "_least", "_most", "_start")

    def __init__(self, start: bytes, end: bytes) -> None:
        self._start = start
        self._end = end
        self._head = b"%b%%d%b" % (start.replace(b"%", b"%%"), end.replace(b"%", b"%%"))
        self._expect(1)

    @property
    def most_bytes(self) -> int:
        """Return how long a head may be that is taken for alike."""
        return len(self._start) + _MOST_DIGITS + len(self._end)

    def body_in(self, data: bytes) -> bytes | None:
        """Return the body of a message, if that and such a head is all that there is."""
        # With as many digits as last time, the head's length is known, hence the body's, and so
        # every byte of the head.
        head_bytes = self._head_bytes
        body_bytes = len(data) - head_bytes
        if self._least <= body_bytes <= self._most and data.startswith(self._head % body_bytes):
            return data[head_bytes:]
        return self._searched(data)

    def _searched(self, data: bytes) -> bytes | None:
        if not data.startswith(self._start):
            return None
        at = len(self._start)
        ends = data.find(b"\r", at, at + _MOST_DIGITS + 1) if self._end[0] == 13 else -1
        digits = data[at:ends]
        if ends < 0 or not digits.isdigit() or not data.startswith(self._end, ends):
            return None
        body = data[ends + len(self._end) :]
        if len(body) != int(digits):
            return None
        self._expect(len(digits))
        return body

    def _expect(self, digits: int) -> None:
        """Take the next length for one of so many digits."""
        self._head_bytes = len(self._start) + digits + len(self._end)
        self._least = 10 ** (digits - 1) if digits > 1 else 0
        self._most = 10**digits - 1
