"""What was found of a server before the checks: its routes, and how to speak to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import orjson

from reticent.core import Answer, BadInput, TextReply
from reticent.probe.client import Client, Exchange
from reticent.probe.samples import Sample
from reticent.protocols import (
    BadQuestion,
    BadReply,
    Interface,
    Question,
    TextProtocol,
    WireProtocol,
    WireRequest,
    WireResponse,
)

#: A question for each protocol of texts; `model` is filled in.
TEXT_QUESTIONS: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "messages": [{"role": "user", "content": "The quick brown"}],
        "max_tokens": 8,
        "logprobs": True,
        "top_logprobs": 3,
    },
    "openai-completions": {"prompt": "The quick brown", "max_tokens": 8, "logprobs": 3},
}
TEXT = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Route:
    """A way to ask a model.

    Attributes:
        protocol: speaks to it.
        interface: what is known of it.
        path: where it is.
        sample: rows to ask about; None for written text.
        first: the exchange with which it was found, or refused.
        answer: what the first row got; None where it was refused, or is text.
        reply: the text that came; None otherwise.
    """

    protocol: WireProtocol | TextProtocol
    interface: Interface
    path: str
    sample: Sample | None
    first: Exchange
    answer: Answer | None = None
    reply: TextReply | None = None

    @property
    def is_live(self) -> bool:
        """Return whether it answered who asked."""
        return self.answer is not None or self.reply is not None

    @property
    def rows(self) -> tuple[Any, ...]:
        """Return the rows to ask about."""
        return self.sample.rows if self.sample else ()

    def body(self, rows: Sequence[Any]) -> bytes:
        """Return the bytes that ask about rows; those of the text question for a text route."""
        return request_of(self.protocol, self.interface, rows).body

    def ask(
        self, client: Client, rows: Sequence[Any], *, keyed: bool = True, patient: bool = True
    ) -> tuple[Exchange, Answer | None]:
        """Ask about rows; the answer is None where none came."""
        exchange = client.send(
            "POST",
            self.path,
            self.body(rows),
            sent=_said(rows),
            keyed=keyed,
            patient=patient,
        )
        if isinstance(answer := read(self.protocol, self.interface, rows, exchange), Answer):
            return exchange, answer
        return exchange, None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Surface:
    """A server, as found.

    Attributes:
        models: names that were given or found.
        routes: ways to ask its models that answered.
        refused: ways that are there, or may be, and did not let us in.
        metadata: plain GETs about models that were answered.
        declared: paths that a guard's configuration declares; None where none was given.
    """

    models: tuple[str, ...]
    routes: tuple[Route, ...]
    refused: tuple[Route, ...]
    metadata: tuple[Exchange, ...]
    declared: frozenset[str] | None = None

    @property
    def predicting(self) -> tuple[Route, ...]:
        """Return the routes that answered with labels, scores or values."""
        return tuple(r for r in self.routes if r.answer is not None and r.answer.embeddings is None)


def request_of(
    protocol: WireProtocol | TextProtocol, interface: Interface, rows: Sequence[Any]
) -> WireRequest:
    """Return the request that asks about rows, or the text question.

    Raises: BadQuestion, BadInput if the protocol cannot carry them.
    """
    if protocol.kind in TEXT_QUESTIONS:
        question = _text_question(protocol, interface)
    else:
        question = _question(rows)
    return protocol.write_question(question, interface)


def read(
    protocol: WireProtocol | TextProtocol,
    interface: Interface,
    rows: Sequence[Any],
    exchange: Exchange,
) -> Answer | TextReply | None:
    """Return what a reply says; None if it is not this protocol's."""
    if exchange.status != 200:
        return None
    media = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    response = WireResponse(status=200, body=exchange.body, media_type=media)
    try:
        if protocol.kind in TEXT_QUESTIONS:
            question = _text_question(protocol, interface)
            return protocol.read_reply(response, question, interface)  # type: ignore[union-attr]  # the kinds above are of texts
        return protocol.read_answer(response, _question(rows), interface)  # type: ignore[union-attr]  # and the others are not
    except (BadReply, BadQuestion, BadInput):
        return (
            _class_names(exchange.body, len(rows)) if interface.task == "classification" else None
        )


def _class_names(body: bytes, n: int) -> Answer | None:
    """Return labels for n class names that nobody declared: equal names, equal labels."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    lists: list[Any] = [found] if isinstance(found, list) else []
    if isinstance(found, dict):
        outputs = found.get("outputs")
        lists = [found.get("predictions")]
        lists += [each.get("data") for each in outputs or () if isinstance(each, dict)]
    for cells in lists:
        if isinstance(cells, list) and len(cells) == n and all(type(c) is str for c in cells):
            return Answer(labels=np.array([crc32(cell.encode()) for cell in cells], dtype=np.int64))
    return None


def _question(rows: Sequence[Any]) -> Question:
    cells = list(rows)
    try:
        array = np.array(cells)
    except ValueError:
        return Question(rows=cells, cost=len(cells))
    found: Any = array if array.dtype.kind in "fi" else cells
    return Question(rows=found, cost=len(cells))


def _text_question(protocol: WireProtocol | TextProtocol, interface: Interface) -> Question:
    body = {"model": interface.model, **TEXT_QUESTIONS[protocol.kind]}
    request = WireRequest(method="POST", path=protocol.path(interface), body=orjson.dumps(body))
    return protocol.read_question(request, interface)


def _said(rows: Sequence[Any]) -> str:
    return "a text" if not rows else "1 row" if len(rows) == 1 else f"{len(rows)} rows"
