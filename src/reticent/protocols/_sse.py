"""Server-sent events: read however they were cut, and written in one way.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.
"""

from collections.abc import Iterator
from typing import final

from reticent.protocols._body import bad_reply

MOST_BYTES = 1_000_000
_BOM = b"\xef\xbb\xbf"


@final
class EventReader:
    """Turns bytes, cut anywhere, into the data of their events.

    Names, ids and retry times of events are dropped, comments too.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._line: list[bytes] = []  # the parts of a line that goes on
        self._data: list[bytes] = []
        self._held_bytes = 0
        self._after_return = False  # the last byte was CR: a LF now belongs to it
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Return the data of each event that is complete now.

        Raises: BadReply for an event that is too long.
        """
        if self._after_return and chunk:
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")
        for line in chunk.splitlines(keepends=True):
            self._held_bytes += len(line)
            if self._held_bytes > self._most_bytes:
                raise bad_reply(f"it has an event of more than {self._most_bytes} bytes")
            self._line.append(line)
            if not line.endswith((b"\n", b"\r")):
                return
            self._after_return = line.endswith(b"\r")
            whole = b"".join(self._line).rstrip(b"\r\n")
            self._line.clear()
            if not self._begun:
                self._begun = True
                whole = whole.removeprefix(_BOM)
            if whole:
                self._take(whole)
            else:
                self._held_bytes = 0
                if self._data:
                    data = b"\n".join(self._data)
                    self._data.clear()
                    yield data

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))


def event(data: bytes) -> bytes:
    r"""Return an event of one line.

    >>> event(b"{}")
    b'data: {}\n\n'
    """
    return b"data: " + data + b"\n\n"
