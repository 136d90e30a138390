"""What the OpenAI protocols share: checked fields of requests, and the frame of replies.

Source: https://platform.openai.com/docs/api-reference (chat, completions, embeddings).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from reticent.core import BadInput, Usage
from reticent.protocols._body import only
from reticent.protocols._json import NotJson, read, write
from reticent.protocols.base import BadQuestion, Interface, Question

Check = Callable[[Any], Any]
_BESIDE = ("model", "user")
FINISHES = ("stop", "length", "content_filter")
TOOL_FINISHES = ("tool_calls", "function_call")
ASKED = "asked"  # in `Question.details`
OWN = "own"  # in `Question.details`: the rows, as they were written here

_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True, eq=False)
class Asked:
    """What of a question the answer's form depends on.

    Attributes:
        id: stands in the reply; made of the question alone, so that equal replies have equal bytes.
        choices: most texts that may come back.
        alternatives: alternatives a position; None if no token scores were asked for.
        include_usage: a stream ends with token counts.
        functions: names of those that may be called.
        older_calls: they were offered in the older form, and are called in it.
    """

    id: str
    choices: int
    alternatives: int | None
    include_usage: bool = False
    functions: frozenset[str] = frozenset()
    older_calls: bool = False


def asked_of(
    question: Question, prefix: str, alternatives: Check, functions: Check = lambda _: frozenset()
) -> Asked:
    """Return what a question asked, worked out again if its details do not say.

    Args:
        question: any question of these protocols.
        prefix: how ids begin.
        alternatives: from the fields of a row.
        functions: likewise.
    """
    known = question.details.get(ASKED)
    if isinstance(known, Asked):
        return known
    fields = row_fields(question.rows[0])
    return Asked(
        id=id_of(prefix, question.rows),
        choices=len(question.rows) * fields.get("n", 1),
        alternatives=alternatives(fields),
        functions=functions(fields),
        older_calls="functions" in fields,
    )


def id_of(prefix: str, rows: Sequence[Any]) -> str:
    """Return an id that depends on the rows alone."""
    return _id_of(prefix, [text_of(row).encode("utf-8", "surrogatepass") for row in rows])


def _id_of(prefix: str, written: Sequence[bytes]) -> str:
    told = b"\0".join((*written, b""))  # a zero byte behind each
    return f"{prefix}-{hashlib.sha256(told).hexdigest()[:24]}"


def text_of(row: Any) -> str:
    """Return the text of a row, alone or as the one cell of a list.

    Raises: BadQuestion for anything else.
    """
    if type(row) is str:
        return row
    cell = row[0] if isinstance(row, (list, tuple)) and len(row) == 1 else row
    if not isinstance(cell, str):
        raise BadQuestion("A row is no text.", way_out="Give one text a row.")
    return cell


def row_of(fields: Mapping[str, Any]) -> bytes:
    """Return the canonical JSON text, in UTF-8, of everything that decides an answer."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def row_fields(row: Any) -> dict[str, Any]:
    """Return the fields that `row_of` wrote.

    Raises: BadQuestion for a row that is none.
    """
    try:
        fields = read(text_of(row).encode("utf-8", "surrogatepass"))
    except NotJson:
        fields = None
    if type(fields) is not dict:
        raise BadQuestion(
            "A row is no JSON object.", way_out='Give {"messages": [...]} or {"prompt": "..."}.'
        )
    return fields


def checked(
    body: Mapping[str, Any], checks: Mapping[str, Check], interface: Interface
) -> dict[str, Any]:
    """Return the known fields of a request, each in one form; those that are null are left out.

    Raises: BadQuestion for unknown fields and values out of range, or another model's name.
    """
    if body.get("model") != interface.model:
        raise BadQuestion("model names another model.", way_out="Name this endpoint's model.")
    fields = {}
    for name, value in body.items():
        check = checks.get(name)
        if check is not None:
            if value is not None:
                fields[name] = check(value)
        elif name not in _BESIDE:
            only(body, (*_BESIDE, *checks))
        elif type(value) is not str and value is not None:
            raise BadQuestion(f"{name} is no text.", way_out="Leave it out.")
    return fields


def real(name: str, low: float, high: float) -> Check:
    """Return a check for a number; whole ones become floats, so that 1 and 1.0 are one question."""

    def check(value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise BadQuestion(
                f"{name} is no number from {low:g} to {high:g}.", way_out="Correct it."
            )
        return float(value) + 0.0

    return check


def count(name: str, low: int, high: int) -> Check:
    """Return a check for a whole number."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise BadQuestion(
                f"{name} is no whole number from {low} to {high}.", way_out="Correct it."
            )
        return value

    return check


def flag(name: str) -> Check:
    """Return a check for a truth value."""

    def check(value: Any) -> bool:
        if type(value) is not bool:
            raise BadQuestion(f"{name} is neither true nor false.", way_out="Correct it.")
        return value

    return check


def words(name: str, most: int) -> Check:
    """Return a check for a text, or a list of up to `most`; one text becomes a list."""

    def check(value: Any) -> list[str]:
        found = value if type(value) is list else [value]
        if not 1 <= len(found) <= most or any(type(w) is not str or not w for w in found):
            raise BadQuestion(f"{name} is no list of 1 to {most} texts.", way_out="Correct it.")
        return found

    return check


def stream_options(value: Any) -> bool:
    """Return whether token counts are wanted at the end of a stream."""
    if type(value) is not dict:
        raise BadQuestion("stream_options is no object.", way_out="Leave it out.")
    only(value, ("include_usage",), where="stream_options")
    return bool(flag("include_usage")(value.get("include_usage", False)))


SAMPLING: Mapping[str, Check] = {
    "temperature": real("temperature", 0, 2),
    "top_p": real("top_p", 0, 1),
    "presence_penalty": real("presence_penalty", -2, 2),
    "frequency_penalty": real("frequency_penalty", -2, 2),
    "seed": count("seed", -(2**63), 2**63 - 1),
    "stop": words("stop", 4),
    "stream": flag("stream"),
    "stream_options": stream_options,
}


def text_question(
    fields: dict[str, Any],
    prompts: Sequence[dict[str, Any]],
    most_tokens: int,
    prefix: str,
    alternatives: int | None,
    functions: frozenset[str] = frozenset(),
) -> Question:
    """Return the question of a request for texts, one row a prompt.

    Args:
        fields: as `checked` returned them; what is in all rows.
        prompts: the part of each row that is its own.
        most_tokens: the endpoint's.
        prefix: how ids begin.
        alternatives: as in `Asked`.
        functions: likewise.
    """
    stream = fields.pop("stream", False)
    include_usage = fields.pop("stream_options", False)
    n = fields.get("n", 1)
    if n == 1:
        fields.pop("n", None)
    if most_tokens:
        name = "max_completion_tokens" if "max_completion_tokens" in fields else "max_tokens"
        if fields.setdefault(name, most_tokens) > most_tokens:
            raise BadQuestion(f"{name} is more than {most_tokens}.", way_out="Ask for less.")
    written = [row_of(fields | prompt) for prompt in prompts]
    rows = list(map(bytes.decode, written))
    cost = n * len(rows)
    known = Asked(
        _id_of(prefix, written),
        cost,
        alternatives,
        stream and include_usage,
        functions,
        "functions" in fields,
    )
    return Question(rows, cost, stream, {ASKED: known, OWN: rows})


def request_of(question: Question, model: str) -> bytes:
    """Return the request of a question of one row.

    Raises: BadQuestion for a row that is none.
    """
    row = question.rows[0]
    if question.rows is question.details.get(OWN):  # written here: need not be read again
        if not question.stream:
            return b'{"model":%b,%b' % (write(model), row.encode()[1:])
        more = write(streaming(question))[1:]
        return b'{"model":%b,%b,%b' % (write(model), row.encode()[1:-1], more)
    return write({"model": model, **row_fields(row), **streaming(question)})


def streaming(question: Question) -> dict[str, Any]:
    """Return the fields that ask a server for a stream."""
    if not question.stream:
        return {}
    known = question.details.get(ASKED)
    if isinstance(known, Asked) and known.include_usage:
        return {"stream": True, "stream_options": {"include_usage": True}}
    return {"stream": True}


def most_tokens_of(interface: Interface) -> int:
    """Return the largest `max_tokens`, 0 for no limit; raises BadInput."""
    return whole_setting(interface, "most_tokens", 0, 0, 10**9)


def whole_setting(interface: Interface, name: str, default: int, low: int, high: int) -> int:
    """Return one of the protocol's settings, a whole number.

    Raises: BadInput if it is none.
    """
    value = interface.settings.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise BadInput(
            f"settings.{name} is {value!r}; it must be a whole number from {low} to {high}.",
            way_out=f"Default: {default}.",
        )
    return value


def read_usage(found: Any) -> Usage | None:
    """Return token counts; None for what is none."""
    if type(found) is not dict:
        return None
    prompt = found.get("prompt_tokens")
    written = found.get("completion_tokens", 0)
    if type(prompt) is not int or type(written) is not int or prompt < 0 or written < 0:
        return None
    return Usage(prompt, written)


def write_usage(usage: Usage) -> dict[str, int]:
    """Return token counts and their sum."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def finish_of(found: Any) -> str | None:
    """Return why a text ended: one of `FINISHES`, "stop" for reasons of the server's own."""
    if found is None:
        return None
    return found if found in FINISHES else "stop"


def refusal(status: int, message: str) -> bytes:
    """Return an error body."""
    kind = _ERRORS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return write({"error": {"message": message, "type": kind, "param": None, "code": None}})
