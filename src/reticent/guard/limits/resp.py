"""Answers of Valkey and Redis (RESP, version 2), read from bytes that come cut anywhere."""

from typing import Any

from valkey.exceptions import NoScriptError, ResponseError

_END = b"\r\n"
_NO_SCRIPT = b"NOSCRIPT"
_DEEPEST = 8


def read_reply(data: bytes, at: int, depth: int = 0) -> tuple[Any, int] | None:
    """Return the answer that starts at `at`, and where the next one does; None if it is cut off.

    Texts are bytes, errors are exceptions (returned, not raised), and what is nil is None.

    Raises: ValueError for what is no answer.
    """
    ends = data.find(_END, at)
    if ends < 0:
        return None
    kind, told = data[at : at + 1], data[at + 1 : ends]
    at = ends + len(_END)
    if kind == b"$":
        length = int(told)
        if length < 0:
            return None, at
        if len(data) < at + length + len(_END):
            return None
        if not data.startswith(_END, at + length):
            raise ValueError("a text is longer than it says")
        return data[at : at + length], at + length + len(_END)
    if kind == b":":
        return int(told), at
    if kind == b"+":
        return told, at
    if kind == b"-":
        why = told.decode("utf-8", "replace")
        return (NoScriptError(why) if told.startswith(_NO_SCRIPT) else ResponseError(why)), at
    if kind == b"*" and depth < _DEEPEST:
        count = int(told)
        if count < 0:
            return None, at
        found = []
        for _ in range(count):
            inner = read_reply(data, at, depth + 1)
            if inner is None:
                return None
            value, at = inner
            found.append(value)
        return found, at
    raise ValueError("that is no answer")
