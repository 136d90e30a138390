r"""The arguments of a function call, which are JSON text, read as the words that they say.

A text filter must see "line one / line two" and not `line one\nline two`, whose `n` would stand in
the middle of a passage; and what it takes out must leave JSON. So arguments are cut into parts:
signs between values, which never change, values without quotes, and what stands inside of quotes,
with its escapes undone. What is no JSON is read all the same, as values without quotes.
"""

import json
import re
from dataclasses import dataclass
from typing import Literal, final

MOST_BARE = 256  # characters of a value without quotes that are waited for

_INSIDE = re.compile(r'[^"\\]+')
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|[^u]|u(?=.{0,3}[^0-9a-fA-F]))", re.DOTALL)
_UNFINISHED = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_SIGNS = re.compile(r"[{}\[\]:,\s]+")
_BARE = re.compile(r'[^{}\[\]:,\s"]+')
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of arguments.

    Attributes:
        raw: as the model wrote it.
        said: what a filter reads.
        kind: "signs", "bare" or "inside" (of quotes).
    """

    raw: str
    said: str
    kind: Literal["signs", "bare", "inside"]

    def written(self, said: str) -> str:
        """Return what goes out where a filter left something else of it."""
        if self.kind == "signs":
            return self.raw
        quoted = json.dumps(said, ensure_ascii=False)
        if self.kind == "inside":
            return quoted[1:-1]
        return quoted if said else ""


@final
class Arguments:
    """Cuts one call's arguments into parts, however they come in pieces."""

    def __init__(self) -> None:
        self._quoted = False
        self._rest = ""

    def feed(self, piece: str) -> list[Part]:
        """Return the parts that are known now; an escape or value that goes on is waited for."""
        text, self._rest = self._rest + piece, ""
        parts: list[Part] = []
        at = 0
        while at < len(text):
            part, end = self._inside(text, at) if self._quoted else self._outside(text, at)
            if part is None:
                self._rest = text[at:]
                break
            parts.append(part)
            at = end
        return parts

    def end(self) -> list[Part]:
        """Return what was waited for."""
        rest, self._rest = self._rest, ""
        if not rest:
            return []
        return [Part(rest, _bare(rest), "inside" if self._quoted else "bare")]

    def _outside(self, text: str, at: int) -> tuple[Part | None, int]:
        if text[at] == '"':
            self._quoted = True
            return Part('"', '"', "signs"), at + 1
        signs = _SIGNS.match(text, at)
        if signs is not None:
            return Part(signs[0], signs[0], "signs"), signs.end()
        bare = _BARE.match(text, at)
        end = len(text) if bare is None else bare.end()
        if end == len(text) and end - at < MOST_BARE:
            return None, at
        return Part(text[at:end], _bare(text[at:end]), "bare"), end

    def _inside(self, text: str, at: int) -> tuple[Part | None, int]:
        if text[at] == '"':
            self._quoted = False
            return Part('"', '"', "signs"), at + 1
        said: list[str] = []
        start = at
        while at < len(text) and text[at] != '"':
            plain = _INSIDE.match(text, at)
            if plain is not None:
                said.append(plain[0])
                at = plain.end()
                continue
            escaped = _escaped(text, at)
            if escaped is None:
                break
            character, at = escaped
            said.append(character)
        if at == start:
            return None, start
        return Part(text[start:at], "".join(said), "inside"), at


def _escaped(text: str, at: int) -> tuple[str, int] | None:
    """Return the character of an escape and where it ends; None if the text ends before it."""
    if _UNFINISHED.fullmatch(text, at):
        return None
    found = _ESCAPE.match(text, at)
    if found is None:  # pragma: no cover  # one of the two always fits
        return text[at], at + 1
    if len(found[0]) < 6:
        return _PLAIN.get(found[0][1], found[0][1]), found.end()
    unit = int(found[0][2:], 16)
    if unit in _HIGH:
        if found.end() == len(text) or _UNFINISHED.fullmatch(text, found.end()):
            return None
        second = _ESCAPE.match(text, found.end())
        low = int(second[0][2:], 16) if second is not None and len(second[0]) == 6 else 0
        if second is not None and low in _LOW:
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), second.end()
        return "\ufffd", found.end()
    return "\ufffd" if unit in _LOW else chr(unit), found.end()


def _bare(text: str) -> str:
    """Return a text with its escapes undone, those that are whole."""
    said, at = [], 0
    while at < len(text):
        escaped = _escaped(text, at) if text[at] == "\\" else (text[at], at + 1)
        if escaped is None:
            said.append(text[at:])
            break
        said.append(escaped[0])
        at = escaped[1]
    return "".join(said)
