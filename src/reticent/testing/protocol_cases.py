"""Questions and answers that every protocol is tried with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reticent.core import Answer, BadInput, Floats
from reticent.protocols import (
    BadQuestion,
    BadReply,
    Interface,
    Question,
    TextProtocol,
    WireProtocol,
)
from reticent.testing.conformance import NotConforming

CLASSES = ("no", "yes", "maybe")
_NUMBERS = np.array([[0.5, -1.25, 3.0], [1e-7, 2.0, 1e22], [0.0, 7.5, 0.1]])
_ROWS: tuple[Sequence[Any], ...] = (_NUMBERS, [["one"], ["two words"], ['three\n"é']])  # type: ignore[assignment]  # an array is a sequence of rows
_TEXTS: tuple[Sequence[Any], ...] = (
    ['{"messages":[{"content":"Hello","role":"user"}]}'],
    ['{"prompt":"Hello"}'],
)
_GENERIC = {"inputs": "$.ask.rows"} | {
    name: f"$.said.{name}" for name in ("label", "scores", "value", "embedding")
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Spoken:
    """A protocol with an interface that it can serve, and rows that it can carry.

    Attributes:
        protocol: of predictions or of text.
        interface: names a model "m" of one of its tasks.
        rows: three rows; one for text.
        answers: what may be written in answer to all rows; () for text.
    """

    protocol: WireProtocol | TextProtocol
    interface: Interface
    rows: Sequence[Any]
    answers: tuple[Answer, ...] = field(default=())

    @property
    def name(self) -> str:
        """Return how messages call this case."""
        settings = dict(self.interface.settings)
        columns = "columns" if self.interface.columns else "arrays"
        return f"{self.protocol.kind} ({self.interface.task}, {columns}, {settings})"

    @property
    def question(self) -> Question:
        """Return the rows as the auditor asks them."""
        return Question(rows=self.rows, cost=len(self.rows))


def spoken(
    protocol: WireProtocol | TextProtocol, settings: Mapping[str, Any] | None = None
) -> list[Spoken]:
    """Return the cases that a protocol is tried with: each of its tasks, arrays and columns.

    Args:
        protocol: any, ours or a plug-in's.
        settings: those that it needs; default: none, or a plain mapping for the generic one.

    Raises: NotConforming if there is a task that it can carry nothing of.
    """
    cases = []
    for task in protocol.tasks:
        found = [
            Spoken(protocol=protocol, interface=i, rows=rows, answers=tuple(_answers(i)))
            for i in _interfaces(task, settings)
            for rows in (_TEXTS if task == "text" else _ROWS)
            if _fits(protocol, i, rows)
        ]
        if not found:
            raise NotConforming(f"{protocol.kind} says that it carries {task}, and does not")
        cases += found
    return cases


def _interfaces(task: str, settings: Mapping[str, Any] | None) -> Iterator[Interface]:
    classes = CLASSES if task == "classification" else ()
    for chosen, path in (
        (({}, ""), (_GENERIC, "/score")) if settings is None else ((settings, "/"),)
    ):
        for columns in ((), ("a", "b", "c"), ("text",)):
            yield Interface(
                model="m", task=task, classes=classes, columns=columns, settings=chosen, path=path
            )
    if task == "classification" and settings is None:
        both = {"p": "scores", "c": "label"}
        yield Interface(model="m", task=task, classes=classes, outputs=both)
        yield Interface(model="m", task=task)
        yield Interface(model="m", task=task, classes=(0, 1, 2), outputs={"p": "scores"})


def _fits(protocol: WireProtocol | TextProtocol, interface: Interface, rows: Sequence[Any]) -> bool:
    try:
        protocol.path(interface)
        request = protocol.write_question(Question(rows=rows, cost=len(rows)), interface)
        protocol.read_question(request, interface)
    except (BadInput, BadQuestion, BadReply):
        return False
    return True


def _answers(interface: Interface) -> Iterator[Answer]:
    """Yield what a policy may leave of an answer to three rows."""
    if interface.task == "regression":
        yield Answer(values=np.array([0.1, -2.5e-9, 1e12]))
        yield Answer(values=np.array([0.0, np.nan, 3.0]))
    if interface.task == "embedding":
        vectors = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
        yield Answer(embeddings=vectors)
        yield Answer(embeddings=vectors.round(1))
        yield Answer(embeddings=np.where(vectors > 0.9, np.nan, vectors))
    if interface.task != "classification":
        return
    scores: Floats = np.array([[0.1, 0.7, 0.2], [1 / 3, 1 / 3, 1 / 3], [1e-12, 0.0, 1.0]])
    labels = np.array([1, 0, 2])
    unsure = np.array([False, True, False])
    yield Answer(labels=labels, scores=scores)
    yield Answer(labels=labels, scores=scores.round(1))
    top = np.where(np.arange(3) == labels[:, None], scores, np.nan)
    yield Answer(labels=labels, scores=top)
    yield Answer(
        labels=np.where(unsure, -1, labels), scores=np.where(unsure[:, None], np.nan, scores)
    )
    yield Answer(labels=labels)
    yield Answer(labels=np.where(unsure, -1, labels))
    yield Answer(labels=np.full(3, -1), scores=np.full((3, 3), np.nan))
