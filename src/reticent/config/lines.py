"""Find the line of every key in a TOML text; the standard parser does not say.

The scanner runs over texts that tomllib has already accepted, so it checks nothing: it walks, and
gives up where it can go no further.
"""

import re
from collections.abc import Mapping

Key = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_LITERAL = re.compile(r"'[^']*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'{3,5}", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\n]+")


def line_numbers(text: str) -> dict[Key, int]:
    r"""Return key path -> line, counted from 1, of every table, key and array entry.

    >>> line_numbers('[a]\nb = [1,\n  {c = 2}]')[("a", "b", 1, "c")]
    3
    """
    return _Walk(text.replace("\r\n", "\n")).walk()


def nearest(lines: Mapping[Key, int], key: Key) -> int:
    """Return the line of `key`, or of the innermost table or array around it; 1 if none is."""
    while key and key not in lines:
        key = key[:-1]
    return lines.get(key, 1)


class _Walk:
    """One pass over a text; `at` is the place reached."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._line, self._counted = 1, 0
        self._lines: dict[Key, int] = {}
        self._last: dict[Key, int] = {}  # array of tables -> index of its last table

    def walk(self) -> dict[Key, int]:
        table: Key = ()
        self._space()
        while self._at < len(self._text):
            before = self._at
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._space()
            if self._at == before:
                break
        return self._lines

    def _header(self) -> Key:
        many = self._text.startswith("[[", self._at)
        line = self._here()
        self._at += 2 if many else 1
        key: Key = ()
        parts = self._dotted()
        for i, part in enumerate(parts):
            key = (*key, part)
            self._lines.setdefault(key, line)
            if many and i == len(parts) - 1:
                self._last[key] = self._last.get(key, -1) + 1
            if key in self._last:
                key = (*key, self._last[key])
                self._lines.setdefault(key, line)
        self._skip("]]" if many else "]")
        return key

    def _pair(self, table: Key) -> None:
        line = self._here()
        key = table
        for part in self._dotted():
            key = (*key, part)
            self._lines.setdefault(key, line)
        self._skip("=")
        self._value(key)

    def _dotted(self) -> list[str]:
        parts = []
        while True:
            self._space()
            quoted = self._match(_BASIC) or self._match(_LITERAL)
            parts.append(_unquoted(quoted) if quoted else self._match(_BARE))
            self._space()
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, key: Key) -> None:
        self._space()
        opener = self._text[self._at : self._at + 1]
        if opener == "[":
            self._items(key)
        elif opener == "{":
            self._inline(key)
        else:
            for shape in (_LONG_BASIC, _LONG_LITERAL, _BASIC, _LITERAL, _PLAIN):
                if self._match(shape):
                    break

    def _items(self, key: Key) -> None:
        self._at += 1
        i = 0
        while self._more("]"):
            before = self._at
            self._lines[(*key, i)] = self._here()
            self._value((*key, i))
            i += 1
            if self._at == before:
                break

    def _inline(self, key: Key) -> None:
        self._at += 1
        while self._more("}"):
            before = self._at
            self._pair(key)
            if self._at == before:
                break

    def _more(self, closer: str) -> bool:
        """Return True if another entry follows; step over the comma before it or the closer."""
        self._space()
        if self._text.startswith(",", self._at):
            self._at += 1
            self._space()
        if self._at >= len(self._text) or self._text.startswith(closer, self._at):
            self._skip(closer)
            return False
        return True

    def _space(self) -> None:
        self._match(_SPACE)

    def _skip(self, mark: str) -> None:
        self._space()
        if self._text.startswith(mark, self._at):
            self._at += len(mark)

    def _match(self, shape: re.Pattern[str]) -> str:
        found = shape.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line


def _unquoted(text: str) -> str:
    """Return what a quoted key says."""
    import tomllib

    return next(iter(tomllib.loads(f"{text} = 0")))
