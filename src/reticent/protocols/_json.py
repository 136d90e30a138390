"""JSON read strictly and written in one way.

orjson reads fast and strictly: no NaN or Infinity, no lone surrogates, nothing behind the value.
It keeps the last of two equal keys, though, where other parsers keep the first, and lets a body
nest 1,024 deep. Both are found by counting: a body has at least as many colons and brackets
outside its strings as the parsed value has entries and containers, and exactly as many if no key
came twice. So a walk that has seen as many as the whole body has (strings included) may stop, and
never looks into long rows of numbers.

Integers beyond 64 bits come out as the nearest float, and are passed on as that.
"""

import re
from typing import Any

import numpy as np
import orjson

DEEPEST = 32
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_HOLDERS = frozenset((dict, list))
_SPACES = b" \t\r\n"  # inside of strings there are none of these but the first
_SHORT_BYTES = 2048  # numpy counts faster from here on


class NotJson(ValueError):
    """The bytes are no JSON as it is read here; the text says why without quoting them."""


def read(body: bytes, *, most_bytes: int = 1 << 30) -> Any:
    """Return the value of a JSON text in UTF-8.

    Raises: NotJson for a body that is too long or too deep, that is no JSON (NaN, Infinity and
    numbers out of range included), or in which a key comes twice in one object.
    """
    if len(body) > most_bytes:
        raise NotJson(f"it is longer than {most_bytes} bytes")
    try:
        value = orjson.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotJson("it is no valid JSON") from error
    kind = type(value)
    if kind is dict or kind is list:
        if len(body) < _SHORT_BYTES and body.count(b"[") + body.count(b"{") <= DEEPEST:
            # Writing it again is less work than looking through it. What comes twice is not
            # written twice, so if the same signs come out, spaces apart, then nothing did.
            written = orjson.dumps(value)
            if written == body or written.translate(None, _SPACES) == body.translate(None, _SPACES):
                return value
        pairs, holders = _counts(body)
        if not _accounts_for(value, pairs, holders):
            bare = _STRING.sub(b"", body)
            if not _accounts_for(value, *_counts(bare)):
                raise NotJson("a key comes twice in one object")
    return value


def _accounts_for(value: Any, pairs: int, holders: int) -> bool:
    """Return whether the value holds this many entries of objects, and lists and objects.

    It may hold fewer, never more, so that the walk ends where nothing can be missing.

    Raises: NotJson if it is nested too deeply.
    """
    if holders <= DEEPEST:
        return _few_account_for(value, pairs, holders)
    level = [value]
    for _ in range(DEEPEST):
        objects = [each for each in level if type(each) is dict]
        pairs -= sum(map(len, objects))
        holders -= len(level)
        if pairs <= 0 and holders <= 0:
            return True
        within: list[Any] = [v for each in objects for v in each.values()]
        for each in level:
            if type(each) is list:
                within += each
        level = [v for v in within if type(v) is dict or type(v) is list]
        if not level:
            return False
    raise NotJson(f"it is nested more than {DEEPEST} deep")


def _few_account_for(value: Any, pairs: int, holders: int) -> bool:
    """Return the same, where there are too few brackets to nest too deeply."""
    found = [value]
    for each in found:  # grows meanwhile
        holders -= 1
        if type(each) is dict:
            pairs -= len(each)
            each = each.values()
        if holders <= 0:
            return pairs <= 0  # nothing is left to hold any
        for within in each:  # a comprehension would be a call for each, and most are short
            if type(within) in _HOLDERS:
                found.append(within)
    return False


def _counts(body: bytes) -> tuple[int, int]:
    """Return the number of colons, and of opening brackets of both kinds."""
    if len(body) < _SHORT_BYTES:
        return body.count(b":"), body.count(b"[") + body.count(b"{")
    signs = np.frombuffer(body, dtype=np.uint8)
    # "[" and "{" differ in one bit, and no other byte is either of them without it.
    return int(np.count_nonzero(signs == 0x3A)), int(np.count_nonzero((signs & 0xDF) == 0x5B))


def write(value: Any) -> bytes:
    """Return the one encoding of a value: keys as they are ordered, no spaces, shortest floats.

    Numpy arrays (contiguous ones) are lists, and NaN is null. The caller sees to one zero:
    `one_zero` for what is no array.
    """
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def one_zero(value: Any) -> Any:
    """Return plain data with 0.0 for every -0.0."""
    if type(value) is float:
        return value + 0.0
    if type(value) is dict:
        return {key: one_zero(each) for key, each in value.items()}
    if type(value) is list or type(value) is tuple:
        return [one_zero(each) for each in value]
    return value
