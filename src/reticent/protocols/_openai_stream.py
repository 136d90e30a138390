"""Streams of the OpenAI protocols: one reader, one way to write."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

from reticent.core import Call, Choice, TextReply, TokenScores, Usage
from reticent.protocols._body import bad_reply
from reticent.protocols._json import NotJson, read
from reticent.protocols._openai import Asked, finish_of, read_usage
from reticent.protocols._sse import EventReader

DONE = b"[DONE]"

#: A choice of a chunk, and its first position -> its text and scores.
ReadPiece = Callable[[Mapping[str, Any], int], tuple[str, TokenScores | None]]

#: Index, choice or chunk, finish and scores -> calls, finish and scores.
ReadCalls = Callable[
    [int, Mapping[str, Any], str | None, TokenScores | None],
    tuple[tuple[Call, ...], str | None, TokenScores | None],
]


def indexed(choices: Any, most: int) -> list[tuple[int, Mapping[str, Any]]]:
    """Return index and object of each choice.

    Raises: BadReply for what is no list of objects, or an index beyond what was asked for.
    """
    if type(choices) is not list:
        raise bad_reply("it has no choices")
    found = []
    for each in choices:
        index = each.get("index") if type(each) is dict else None
        if type(index) is not int or not 0 <= index < most:
            raise bad_reply("a choice has no index, or one that was not asked for")
        found.append((index, each))
    return found


@final
class ChunkReader:
    """Reads a stream of chunks: the first event of each text is empty and opens it.

    Token counts come last, whenever the server told them, and only where they were asked for.
    """

    def __init__(
        self, asked: Asked, piece: ReadPiece, *, opening: bool, calls: ReadCalls | None = None
    ) -> None:
        self._asked = asked
        self._piece = piece
        self._opening = opening
        self._calls = calls
        self._events = EventReader()
        self._positions: dict[int, int] = {}
        self._usage: Usage | None = None
        self._ended = False

    @property
    def ended(self) -> bool:
        """Return whether [DONE] has come."""
        return self._ended

    def feed(self, chunk: bytes) -> Iterator[TextReply]:
        """Return the events that are complete now.

        Raises: BadReply, also for an error inside the stream; its words are not kept.
        """
        if self._ended:
            return
        for data in self._events.feed(chunk):
            if data.strip() == DONE:
                self._ended = True
                if self._usage is not None:
                    yield TextReply(choices=(), usage=self._usage)
                return
            yield from self._replies(data)

    def _replies(self, data: bytes) -> Iterator[TextReply]:
        try:
            chunk = read(data)
        except NotJson as error:
            raise bad_reply(f"an event cannot be read: {error}") from None
        if type(chunk) is not dict or chunk.get("error") is not None:
            raise bad_reply("its stream reports an error")
        if self._asked.include_usage:
            self._usage = read_usage(chunk.get("usage")) or self._usage
        for index, each in indexed(chunk.get("choices", []), self._asked.choices):
            if self._opening and index not in self._positions:
                yield TextReply(choices=(Choice(index=index, text=""),))
            start = self._positions.setdefault(index, 0)
            text, scores = self._piece(each, start)
            finish = finish_of(each.get("finish_reason"))
            calls: tuple[Call, ...] = ()
            if self._calls is not None:
                calls, finish, scores = self._calls(index, each, finish, scores)
            if scores is not None:
                self._positions[index] = start + len(scores.tokens)
                scores = scores if scores.tokens else None
            if text or finish or scores or calls:
                choice = Choice(
                    index=index, text=text, finish_reason=finish, token_scores=scores, calls=calls
                )
                yield TextReply(choices=(choice,))


def whole(
    body: Any,
    asked: Asked,
    piece: Callable[[Mapping[str, Any]], tuple[str, TokenScores | None]],
    calls_of: ReadCalls | None = None,
) -> TextReply:
    """Return a whole reply.

    Raises: BadReply for another form, no text, one twice, or more than were asked for.
    """
    if type(body) is not dict:
        raise bad_reply("it is no object")
    found = indexed(body.get("choices"), asked.choices)
    if len(found) != 1:  # nearly always one
        if not found or len({index for index, _ in found}) != len(found):
            raise bad_reply("it has no choice, or one twice")
        found.sort(key=lambda pair: pair[0])
    choices = []
    for index, each in found:
        text, scores = piece(each)
        finish = finish_of(each.get("finish_reason"))
        calls: tuple[Call, ...] = ()
        if calls_of is not None:
            calls, finish, scores = calls_of(index, each, finish, scores)
        choices.append(Choice(index, text, finish, scores, calls))
    return TextReply(tuple(choices), read_usage(body.get("usage")))
