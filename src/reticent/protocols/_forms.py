"""Bodies that repeat themselves but for one list of numbers.

Most requests to a model, and most of its replies, differ in the numbers alone. A `Form` is what
stands around them in a body that was read and checked in full: a body with the same bytes there,
and a JSON list between them, is the same body with other numbers, so that list alone is read. How
many and which numbers it may hold is still checked, each time.
"""

from typing import Any, Generic, TypeVar, final

import orjson

_MOST = 4
_MOST_BYTES = 1_024  # of a form
_NAME = b'"data"'

T = TypeVar("T")


@final
class Form(Generic[T]):
    """What stands before and behind the list, and what is known of a body of this form.

    Args:
        start, end: the bytes around the list.
        known: whatever follows from them.
    """

    __slots__ = ("_behind", "_end", "_start", "_starts", "known")

    def __init__(self, start: bytes, end: bytes, known: T) -> None:
        self._start = start
        self._end = end
        self._starts = len(start)
        self._behind = -len(end)
        self.known = known

    def cells_in(self, body: bytes) -> list[Any] | None:
        """Return the list in a body of this form; None for a body of another."""
        if not body.startswith(self._start) or not body.endswith(self._end):
            return None
        try:
            cells = orjson.loads(body[self._starts : self._behind])
        except ValueError:
            return None
        return cells if type(cells) is list else None


@final
class Forms(Generic[T]):
    """The forms seen last, a few of them."""

    __slots__ = ("_forms",)

    def __init__(self) -> None:
        self._forms: tuple[Form[T], ...] = ()

    def find(self, body: bytes) -> tuple[list[Any], T] | None:
        """Return the list in a body of a known form, and what is known of it."""
        for form in self._forms:
            cells = form.cells_in(body)
            if cells is not None:
                return cells, form.known
        return None

    def learn(self, body: bytes, value: dict[str, Any], holder: dict[str, Any], known: T) -> None:
        """Remember the form of a body, if it has one.

        Args:
            body: was read in full, and is `value`.
            value: what it says; changed for a moment.
            holder: the object within `value` whose "data" are the list.
            known: what follows from all of it but that list.
        """
        start = body.find(b"[", body.find(_NAME))
        end = body.find(b"]", start) + 1
        if start <= 0 or end <= 0 or len(body) - (end - start) > _MOST_BYTES or end == len(body):
            return
        data = holder["data"]
        try:
            same = orjson.loads(body[start:end]) == data
            holder["data"] = []
            same = same and orjson.loads(body[:start] + b"[]" + body[end:]) == value
        except ValueError:
            same = False
        finally:
            holder["data"] = data
        if same:
            self._forms = (Form(body[:start], body[end:], known), *self._forms)[:_MOST]


def around_data(written: bytes) -> tuple[bytes, bytes] | None:
    """Return what stands around the one empty list of data in canonical bytes; None for another.

    >>> around_data(b'{"data":[]}')
    (b'{"data":', b'}')
    """
    parts = written.split(b'"data":[]')
    return (parts[0] + b'"data":', parts[1]) if len(parts) == 2 else None
