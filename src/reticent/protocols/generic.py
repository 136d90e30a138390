"""Any JSON over HTTP whose places are declared.

The places are JSONPaths (RFC 9535) of names and indices, with at most one `[*]`, which stands for
the rows. They are read in both directions: where something is found, it is also written.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, final

import jsonpath
import numpy as np

from reticent.core import Answer, BadInput
from reticent.protocols._answers import assembled, written
from reticent.protocols._body import bad_reply, known_settings, question_body, reply_body, setting
from reticent.protocols._json import write
from reticent.protocols._rows import WHOLE, by_name, cells_of, read_rows
from reticent.protocols.base import (
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_MEANINGS = ("label", "scores", "value", "embedding")
_BY_TASK: Mapping[str, tuple[str, ...]] = {
    "classification": ("label", "scores"),
    "regression": ("value",),
    "embedding": ("embedding",),
}
_SETTINGS = ("inputs", *_MEANINGS, "rows", "constants")
_STEP = re.compile(r"\['((?:[^'\\]|\\.)*)'\]|\[(\*)\]")
Step = str | None  # a name, or None for the rows


@final
class Generic:
    """`POST PATH` with a declared JSON mapping.

    Settings:
        inputs: JSONPath of the list of rows in a request, e.g. "$.rows", or of each row's cells,
            e.g. "$.items[*].features". Needed.
        label, scores, value, embedding: JSONPaths in an answer; as many as the server gives.
        rows: "lists" (the default), or "objects" for rows keyed by column.
        constants: JSONPath -> value of what else a request must hold, and is sent with.
    """

    kind: ClassVar[str] = "generic"
    names_model: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "embedding")

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, _SETTINGS, kind=self.kind)
        setting(interface, "rows", ("lists", "objects"), default="lists")
        if not interface.path:
            raise BadInput(
                "The protocol generic has no path of its own.",
                way_out='Give path = "/v1/score" or the like.',
            )
        if "inputs" not in interface.settings:
            raise BadInput(
                "settings.inputs is missing.", way_out='Give it a JSONPath such as "$.rows".'
            )
        if not any(name in interface.settings for name in _BY_TASK.get(interface.task, ())):
            raise BadInput(
                f"No place of an answer is declared for the task {interface.task!r}.",
                way_out=f"Give settings.{' or settings.'.join(_BY_TASK.get(interface.task, ()))}.",
            )
        for name in ("inputs", *_MEANINGS):
            if name in interface.settings:
                steps_of(interface.settings[name], f"settings.{name}")
        constants = interface.settings.get("constants", {})
        if not isinstance(constants, Mapping):
            raise BadInput(
                "settings.constants is no table.", way_out='Write {"$.version" = 1} or the like.'
            )
        for place in constants:
            if None in steps_of(place, "settings.constants"):
                raise BadInput(
                    f"The place {place!r} in settings.constants holds [*].",
                    way_out="Constants stand outside the rows.",
                )
        _request([], interface)
        _answer({m: [] for m in _MEANINGS if m in interface.settings}, interface)
        return interface.path

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the rows; raises BadQuestion unless the request is just the declared mapping."""
        body = question_body(request)
        cells = _cells(body, interface.settings["inputs"])
        if cells is None or not _same_form(body, _request(cells, interface)):
            raise BadQuestion(
                "The body is not of the form that this model takes.",
                way_out="Send the rows and nothing that is not declared.",
            )
        if interface.settings.get("rows") == "objects":
            cells = by_name(cells, interface)
        rows, whole = read_rows(cells, interface)
        return Question(rows=rows, cost=len(rows), details=whole)

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the rows in their place, and the constants."""
        cells = cells_of(question.rows, question.details.get(WHOLE, ()))
        listed = cells.tolist() if isinstance(cells, np.ndarray) else cells
        if interface.settings.get("rows") == "objects":
            listed = [dict(zip(interface.columns, row, strict=True)) for row in listed]
        body = write(_request(listed, interface))
        return WireRequest(method="POST", path=self.path(interface), body=body)

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return what stands in the declared places; raises BadReply."""
        body = reply_body(response)
        n = len(question.rows)
        found: dict[str, Any] = {}
        for meaning in _MEANINGS:
            cells = _cells(body, _place(meaning, interface))
            # A label without a place of its own is all that is left, or nobody's.
            if cells is None or (meaning not in interface.settings and meaning != "label"):
                continue
            if len(cells) != n:
                raise bad_reply(f"{len(cells)} of {meaning} came for {n} rows")
            found[meaning] = cells
        if "scores" in found and "label" not in interface.settings:
            found.pop("label", None)
        return assembled(found, n, interface)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return the parts in the declared places; a label left alone stands under "label"."""
        asked = tuple(m for m in _MEANINGS if m in interface.settings)
        parts = {
            meaning: cells.tolist() if isinstance(cells, np.ndarray) else cells
            for meaning, cells in written(answer, interface, asked).items()
        }
        return write(_answer(parts, interface))

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return write({"error": message})


def steps_of(place: object, setting_name: str = "a setting") -> tuple[Step, ...]:
    """Return the names on the way to a place, None where the rows fan out.

    Raises: BadInput for what is no JSONPath, or one that points to several places.
    """
    if not isinstance(place, str):
        raise _not_plain(place, setting_name)
    return _steps(place, setting_name)


@cache
def _steps(place: str, setting_name: str) -> tuple[Step, ...]:
    compiled = _compiled(place, setting_name)
    steps: list[Step] = []
    text, at = str(compiled), 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise _not_plain(place, setting_name)
        steps.append(None if match[2] else _unquoted(match[1]))
        at = match.end()
    if not steps or steps[0] is None or steps.count(None) > 1:
        raise _not_plain(place, setting_name)
    return tuple(steps)


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _not_plain(place: object, setting_name: str) -> BadInput:
    return BadInput(
        f"{setting_name} is {place!r}; it must be a JSONPath of names below an "
        "object, with one [*] at most.",
        way_out='Write "$.rows" or "$.items[*].score".',
    )


@cache
def _compiled(place: str, setting_name: str = "a setting") -> jsonpath.JSONPath:
    try:
        found = jsonpath.compile(place)
    except (jsonpath.JSONPathError, ValueError, RecursionError) as error:
        raise BadInput(
            f"{setting_name} is {place!r}, which is no JSONPath: {error}",
            way_out='Write "$.rows" or "$.items[*].score".',
        ) from error
    if not isinstance(found, jsonpath.JSONPath):
        raise _not_plain(place, setting_name)
    return found


def _cells(body: Any, place: str) -> list[Any] | None:
    """Return the list at a place, or the list of what each row has there; None if not there."""
    if type(body) is not dict:
        return None  # jsonpath would read a text as JSON once more, and not strictly
    found = _compiled(place).findall(body)
    if None in steps_of(place):
        return found or None
    return found[0] if len(found) == 1 and type(found[0]) is list else None


def _place(meaning: str, interface: Interface) -> str:
    return str(interface.settings.get(meaning, f"$['{meaning}']"))


def _request(cells: Any, interface: Interface) -> Any:
    body: dict[str, Any] = {}
    for place, value in interface.settings.get("constants", {}).items():
        _put(body, steps_of(place), value)
    _put(body, steps_of(interface.settings["inputs"]), cells)
    return body


def _answer(parts: Mapping[str, Any], interface: Interface) -> Any:
    body: dict[str, Any] = {}
    for meaning, cells in parts.items():
        _put(body, steps_of(_place(meaning, interface)), cells)
    return body


def _put(body: Any, steps: tuple[Step, ...], value: Any) -> None:
    """Write a value into its place; for [*], one element of it into each row's place.

    Raises: BadInput if two declared places are in each other's way.
    """
    for i, step in enumerate(steps[:-1]):
        following: Any = [] if steps[i + 1] is None else {}
        if type(body) is not dict or type(body.setdefault(step, following)) is not type(following):
            raise _in_the_way(steps)
        body = body[step]
        if steps[i + 1] is None:
            rest = steps[i + 2 :]
            if not rest:
                body.extend(value)
                return
            if not body:
                body.extend({} for _ in value)
            for row, each in zip(body, value, strict=True):
                _put(row, rest, each)
            return
    if type(body) is not dict or steps[-1] is None or steps[-1] in body:
        raise _in_the_way(steps)
    body[steps[-1]] = value


def _in_the_way(steps: tuple[Step, ...]) -> BadInput:
    shown = "".join("[*]" if step is None else f"[{step!r}]" for step in steps)
    return BadInput(
        f"The place ${shown} cannot be written beside the other declared ones.",
        way_out="Declare places that do not contain each other.",
    )


def _same_form(found: Any, wanted: Any) -> bool:
    """Return whether a body is the one that its own rows would be written as."""
    return bool(found == wanted)
