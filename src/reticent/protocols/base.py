"""The contract every wire protocol obeys.

A protocol is a translator and nothing else: no sockets, no policy, no state. It is used twice. The
guard reads a caller's question, writes it anew for the model server (so that both see the same
one), reads the server's answer, and writes what the policy leaves of it. The auditor writes
questions and reads answers, of a bare server or of one behind the guard.

Default deny: whatever `read_question` does not know is refused, whatever `read_answer` does not
know is dropped, and `write_answer` builds its bytes from the answer alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

from reticent.core import Answer, ReticentError
from reticent.core.few import Few
from reticent.core.text import TextReply

JSON = "application/json"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
CHECKED = "checked"
"""In `Question.details`: the rows, if they are lists of finite floats, without -0.0, of one width.

Whoever changes rows puts others in their place, so these count only if they are `Question.rows`."""


class BadQuestion(ReticentError):
    """A request that this protocol cannot read; its text never quotes the request."""


class BadReply(ReticentError):
    """A model server's reply that this protocol cannot read; never shown to callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What is declared about a model's inputs and outputs.

    Attributes:
        model: its name on the wire.
        task: "classification", "regression", "embedding" or "text".
        classes: class values in the order of the scores; () if the wire carries indices.
        columns: input names in order; () if the model takes plain arrays.
        row_shape: shape of one row of a plain array, e.g. (30,) or (28, 28); () if not declared.
        outputs: the server's name of an output -> "label", "scores", "value" or "embedding", for
            protocols that name them; each protocol has a default for its usual servers.
        path: the server's path for this model; "" for the protocol's own.
        version: the model version in the path, if the protocol has one; "" for none.
        settings: the protocol's further settings, such as the JSONPaths of the generic mapping.
    """

    model: str
    task: str = "classification"
    classes: tuple[object, ...] = ()
    columns: tuple[str, ...] = ()
    row_shape: tuple[int, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True)
class WireRequest:
    """One HTTP request, as far as a protocol sees it.

    Attributes:
        method: in capitals.
        path: decoded, without the query string (requests with one are refused before this).
        body: after any Content-Encoding has been undone.
        media_type: of the body, lower case, without parameters; "" for none.
        headers: further headers that the protocol needs, names in lower case; nothing else of the
            caller's headers ever reaches the model server.
    """

    method: str
    path: str
    body: bytes = b""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True)
class WireResponse:
    """One HTTP response; likewise."""

    status: int
    body: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True, eq=False)
class Question:
    """What a request asks of the model, in one form for all protocols.

    Attributes:
        rows: n rows in the order of `Interface.columns`, each a list of cells (nested for arrays
            of more dimensions), or a numeric array of shape (n, ...); for text one row a prompt,
            holding everything that decides the answer as canonical JSON text. These are the rows
            that keyed noise and fingerprints are computed from, and that budgets count.
        cost: rows to charge: n, or prompts times the texts asked for.
        stream: the answer is wanted piece by piece.
        details: what the protocol needs to write the question and the answer (a request id, names
            of wanted outputs, sampling parameters): read and checked, never raw caller bytes.
    """

    rows: Sequence[Any]
    cost: int
    stream: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


class _Questions(Protocol):
    kind: ClassVar[str]
    names_model: ClassVar[bool]
    tasks: ClassVar[tuple[str, ...]]

    def path(self, interface: Interface) -> str:
        """Return the path at which callers of the guard, and the guard, reach this model."""
        ...

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return what a request asks.

        Raises: BadQuestion for anything unknown, doubled (duplicate keys), not finite or of the
            wrong shape.
        """
        ...

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the question as a model server takes it: canonical bytes.

        `Question(rows=rows, cost=len(rows))` without details is enough: so the auditor asks.
        """
        ...

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error body in this protocol's form; `message` is one of the guard's own."""
        ...


class WireProtocol(_Questions, Protocol):
    """A protocol of predictions: labels, scores, values or embeddings.

    Attributes:
        kind: name in configuration files, e.g. "open-inference".
        names_model: a question names its model in its body, as "model", so models share a path.
        tasks: which `Interface.task` it can carry.
    """

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return the server's answer; a null score is a withheld one (NaN), a null label is -1.

        Labels are derived from full scores where the server gives scores alone.

        Raises: BadReply for a status other than 200, a shape that does not fit the question, or
            a body that is not this protocol's.
        """
        ...

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return the one canonical encoding of an answer: fixed keys, order and number format.

        What the answer lacks is left out; withheld scores are null, labels of abstained rows too.
        """
        ...


@runtime_checkable
class QuickProtocol(Protocol):
    """A protocol that needs no arrays for a few scores; the bytes are those of `write_answer`."""

    def read_few(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Few | None:
        """Return a few answers with scores; None to leave them to `read_answer`.

        Raises: BadReply, where `read_answer` would.
        """
        ...

    def write_few(self, few: Few, question: Question, interface: Interface) -> bytes:
        """Return the canonical encoding of a few answers."""
        ...


class TextProtocol(_Questions, Protocol):
    """A protocol of written text, whole or streamed.

    Attributes:
        kind, names_model: as in `WireProtocol`.
    """

    def read_reply(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> TextReply:
        """Return the server's whole reply.

        Raises: BadReply.
        """
        ...

    def write_reply(self, reply: TextReply, question: Question, interface: Interface) -> bytes:
        """Return the canonical encoding of a whole reply."""
        ...

    def reader(self, question: Question, interface: Interface) -> "StreamReader":
        """Return a reader for the server's stream."""
        ...

    def write_piece(self, piece: TextReply, question: Question, interface: Interface) -> bytes:
        """Return one event of the guard's stream."""
        ...

    def write_end(self, question: Question, interface: Interface) -> bytes:
        """Return the event that ends the guard's stream."""
        ...


class StreamReader(Protocol):
    """Turns the bytes of a server's stream, cut anywhere, into its events."""

    def feed(self, chunk: bytes) -> Iterator[TextReply]:
        """Return the events that are complete now.

        Raises: BadReply, also for an event longer than a megabyte.
        """
        ...

    @property
    def ended(self) -> bool:
        """Return whether the server said that the stream is over."""
        ...
