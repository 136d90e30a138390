"""Answers on their way out: whole, or a streamed text piece by piece."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from reticent.core import BadAnswer, BadPolicy, Choice, TextReply, Usage
from reticent.guard.gates import Gate
from reticent.guard.padding import until_grid
from reticent.guard.screens import is_private
from reticent.guard.text_filter import Finding, HeldText, PassText
from reticent.guard.upstream.errors import UpstreamBad, UpstreamError
from reticent.protocols import BadReply, Question, WireRequest, WireResponse
from reticent.text_policy import filter_text, shape_text

EVENT_STREAM = "text/event-stream"


def shaped_reply(
    gate: Gate,
    response: WireResponse,
    question: Question,
    findings: list[Finding] | None = None,
) -> bytes:
    """Return the bytes that a caller gets for a model server's whole reply.

    Args:
        gate: the endpoint's.
        response: the reply.
        question: what it answers.
        findings: gets what the text filter found.

    Raises: BadReply, BadAnswer if the reply is none; BadPolicy if the policy does not fit it.
    """
    if gate.is_text:
        texts = gate.texts
        reply = texts.read_reply(response, question, gate.interface)
        if gate.make_filter is not PassText:
            reply = filter_text(reply, gate.make_filter, findings)
        shaped = _shaped(gate, question, reply)
        return texts.write_reply(shaped, question, gate.interface)
    if gate.quick is not None:
        quick: Any = gate.protocol  # a `QuickProtocol`: `open_gate` has looked
        few = quick.read_few(response, question, gate.interface)
        few = None if few is None else gate.quick(few)
        if few is not None:
            written: bytes = quick.write_few(few, question, gate.interface)
            return written
    predictions = gate.predictions
    raw = predictions.read_answer(response, question, gate.interface)
    return predictions.write_answer(gate.shape(raw, question.rows), question, gate.interface)


async def asked_again(
    gate: Gate, request: WireRequest, question: Question, findings: list[Finding]
) -> bytes:
    """Return another reply in the place of one that said what it must not.

    The model is asked until nothing is found, or often enough: then the last reply, as the filter
    leaves it. What it costs the caller was booked with the first.

    Raises: as the model server's answer and `shaped_reply` do.
    """
    body = b""
    for _ in range(gate.attempts):
        found: list[Finding] = []
        body = shaped_reply(gate, await gate.upstream.send(request), question, found)
        findings += found
        if not is_private(found):
            break
    return body


def _shaped(gate: Gate, question: Question, reply: TextReply) -> TextReply:
    rows = question.rows
    return shape_text(
        reply,
        gate.policy,
        prompt_row=list(rows),
        secret=gate.secret,
        choices_per_prompt=question.cost // len(rows),
    )


class TextFlow:
    """A streamed reply: read, filtered, put through the policy and written again, event by event.

    Where the policy pads time, events leave on the grid only, several at once if need be.
    """

    def __init__(
        self,
        gate: Gate,
        question: Question,
        *,
        clock: Callable[[], float],
        started_s: float,
    ) -> None:
        self._gate = gate
        self._question = question
        self._clock = clock
        self._started_s = started_s
        self._texts: dict[int, HeldText] = {}
        self._reply: Any = None
        self._stack = AsyncExitStack()
        self._done: Callable[[str], Awaitable[None]] | None = None
        self._outcome = "cut off"

    def when_over(self, done: Callable[[str], Awaitable[None]]) -> None:
        """Have `done` called with the outcome when the stream has ended, however it did."""
        self._done = done

    async def open(self) -> None:
        """Ask the model server and wait for its headers.

        Raises: UpstreamError, also for a reply that is no stream.
        """
        gate = self._gate
        request = gate.protocol.write_question(self._question, gate.interface)
        reply = await self._stack.enter_async_context(gate.upstream.stream(request))
        if reply.status != 200 or reply.media_type != EVENT_STREAM:
            await self._stack.aclose()
            raise UpstreamBad(f"{gate.model} answered a streamed question with {reply.status}.")
        self._reply = reply

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield what the caller gets; ends well, or with an error event of the guard's own."""
        gate, question = self._gate, self._question
        reader = gate.texts.reader(question, gate.interface)
        try:
            async for chunk in self._reply.chunks():
                out = b"".join(
                    gate.texts.write_piece(piece, question, gate.interface)
                    for events in _runs(reader.feed(chunk))
                    if (piece := self._piece(events)) is not None
                )
                if out:
                    await until_grid(self._gate.time_grid_s, self._started_s, self._clock)
                    yield out
                if reader.ended:
                    break
            if not reader.ended:
                raise UpstreamBad(f"{gate.model} broke its stream off.")
            rest = self._rest()
            if rest is not None:
                yield gate.texts.write_piece(rest, question, gate.interface)
            self._outcome = "answered"
            await until_grid(self._gate.time_grid_s, self._started_s, self._clock)
            yield gate.texts.write_end(question, gate.interface)
        except (UpstreamError, BadReply, BadAnswer, BadPolicy):
            self._outcome = "bad stream"
            yield b"data: " + gate.protocol.write_refusal(502, UpstreamBad.message) + b"\n\n"
        finally:
            await self.finish()

    async def finish(self) -> None:
        """End it, whether it has begun or not; again does nothing."""
        await self.close()
        done, self._done = self._done, None
        if done is not None:
            await done(self._outcome)

    async def close(self) -> None:
        """Let go of the model server."""
        with suppress(UpstreamError):
            await self._stack.aclose()

    @property
    def findings(self) -> list[Finding]:
        """Return what the text filter found so far."""
        return [found for text in self._texts.values() for found in text.findings]

    def _rest(self) -> TextReply | None:
        """Return what is held back of texts that ended without a word of why."""
        rest = tuple(choice for text in self._texts.values() for choice in text.end())
        return _shaped(self._gate, self._question, TextReply(choices=rest)) if rest else None

    def _piece(self, run: "_Run") -> TextReply | None:
        released: list[Choice] = []
        if run.choices:
            index = run.choices[0].index
            text = self._texts.get(index)
            if text is None:
                text = self._texts[index] = HeldText(self._gate.make_filter())
            released = (
                text.feed_all(run.choices) if len(run.choices) > 1 else text.feed(*run.choices)
            )
        if not released and run.usage is None:
            return None
        piece = TextReply(choices=tuple(released), usage=run.usage)
        shaped = _shaped(self._gate, self._question, piece)
        return shaped if shaped.choices or shaped.usage is not None else None


@dataclass(slots=True)
class _Run:
    """What came at once of one text, or of no text at all."""

    choices: list[Choice]
    usage: Usage | None


def _runs(events: Iterable[TextReply]) -> Iterator[_Run]:
    """Put together what came at once of one text: a filter reads it for less than piece by piece.

    Args:
        events: of one chunk, each with one choice or with none.
    """
    run: _Run | None = None
    for event in events:
        for choice in event.choices:
            if run is None or not run.choices or run.choices[0].index != choice.index:
                if run is not None:
                    yield run
                run = _Run([], None)
            run.choices.append(choice)
        if event.usage is not None:
            if run is not None:
                yield run
            yield _Run([], event.usage)
            run = None
    if run is not None:
        yield run
