"""The place of the memorised-output filter in a streamed text."""

import re
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from reticent.core import Choice


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says to a piece of text.

    Attributes:
        release: how many of the pieces held so far, oldest first, may go out.
        stop: end this text here; what is still held never goes out.
    """

    release: int
    stop: bool = False


class TextFilter(Protocol):
    """Reads one text piece by piece, before any caller does, and may hold the last ones back."""

    def feed(self, piece: str) -> Verdict:
        """Return what may go out now that `piece` is known; it counts as held."""
        ...

    def end(self) -> Verdict:
        """Return what of the held pieces may go out when the text is over."""
        ...


class FilterMaker(Protocol):
    """Makes a filter for each text that a model writes."""

    def __call__(self) -> TextFilter:
        """Return a filter that has read nothing yet."""
        ...


_WORDS = re.compile(r"\S+\s*|\s+")


class PassText:
    """Lets every piece through at once."""

    def feed(self, piece: str) -> Verdict:
        """Return that the piece may go."""
        return Verdict(1)

    def end(self) -> Verdict:
        """Return that nothing is left."""
        return Verdict(0)


class HeldText:
    """The pieces of one text between the model and the caller.

    Token scores travel with their piece: what is held back shows in neither.
    """

    def __init__(self, text_filter: TextFilter) -> None:
        self._filter = text_filter
        self._held: deque[Choice] = deque()
        self._index = 0
        self.stopped = False

    def feed(self, piece: Choice) -> list[Choice]:
        """Return the pieces that may go out now."""
        if self.stopped:
            return []
        self._held.append(piece)
        self._index = piece.index
        released = self._released(self._filter.feed(piece.text))
        if piece.finish_reason is not None and not self.stopped:
            released += self._released(self._filter.end())
            if self._held and not self.stopped:  # over, and the filter kept its tail
                released.append(self._cut())
        return released

    def _released(self, verdict: Verdict) -> list[Choice]:
        count = min(verdict.release, len(self._held))
        released = [self._held.popleft() for _ in range(count)]
        if verdict.stop:
            released.append(self._cut())
        return released

    def _cut(self) -> Choice:
        self._held.clear()
        self.stopped = True
        return Choice(index=self._index, text="", finish_reason="content_filter")


def filtered(choice: Choice, text_filter: TextFilter) -> Choice:
    """Return what a filter leaves of a whole text, which it reads as if it were streamed.

    Token scores stay only if nothing was cut.
    """
    held = HeldText(text_filter)
    words = _WORDS.findall(choice.text) or [""]
    released: list[Choice] = []
    for i, word in enumerate(words):
        last = i == len(words) - 1
        piece = Choice(index=choice.index, text=word, finish_reason="stop" if last else None)
        released += held.feed(piece)
    text = "".join(piece.text for piece in released)
    if text == choice.text and not held.stopped:
        return choice
    return Choice(index=choice.index, text=text, finish_reason="content_filter")
