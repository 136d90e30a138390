"""Short items that are too short for fingerprints of spans: addresses, numbers, identifiers.

Two uses: a filter takes personal data out of a text whoever they belong to (`personal`), and it
takes out what stands in the private corpus and is found by its keyed hash (`items`). What personal
data are says `core.pii`, as it does for audits.

A text is read in stretches: whole words, and words with digits together with their neighbours, so
that a number in groups stays in one piece. Where a stretch ends depends on the text alone.
"""

import re
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass
from hashlib import blake2b
from typing import final

from reticent.core.pii import PiiKind, find_pii

LONGEST = 512  # characters of a stretch

_BOUNDARY = re.compile(r"(?<![\d)+\s])\s+(?=[^\s\d(+])")
_MAYBE = re.compile(r"@|\d")

_DIGITS = re.compile(r"(?<!\w)[+(]*\d(?:[ ().-]{0,2}\d){6,}(?!\w)")
_IDENTIFIER = re.compile(
    r"(?<!\w)(?=(?:[A-Za-z_./-]*\d){3})(?=[\d./-]*[A-Za-z])[A-Za-z0-9](?:[./_-]?[A-Za-z0-9]){6,40}(?!\w)"
)
_ADDRESSES = frozenset({"email"})
_NOT_DIGITS = re.compile(r"\D+")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Found:
    """An item in a text.

    Attributes:
        kind: a kind of `core.pii`, "digits" or "identifier".
        start: of its first character.
        end: behind its last.
        form: what stays the same however it is written.
    """

    kind: str
    start: int
    end: int
    form: str


def personal(text: str, kinds: Set[str]) -> list[Found]:
    """Return personal data in a stretch of text, by the kinds that were asked for.

    >>> [f.kind for f in personal("write to ann@example.org", {"email", "card"})]
    ['email']
    """
    asked = frozenset(PiiKind(kind) for kind in kinds)
    return [
        Found(each.kind.value, each.start, each.end, each.value)
        for each in find_pii(text, kinds=asked)
    ]


def items(text: str) -> list[Found]:
    """Return what of a stretch of text is worth finding again: in one form, however it is written.

    >>> [f.form for f in items("Ann@Example.org, +44 20-7946 0958; case ZX-2041-77")]
    ['ann@example.org', '442079460958', 'ZX204177']
    """
    found = personal(text, _ADDRESSES)
    for each in _DIGITS.finditer(text):
        digits = _NOT_DIGITS.sub("", each.group())
        found.append(Found("digits", each.start(), each.end(), digits))
    for each in _IDENTIFIER.finditer(text):
        form = _NOT_PLAIN.sub("", each.group()).upper()
        if len(form) >= 7 and not any(f.start <= each.start() < f.end for f in found):
            found.append(Found("identifier", each.start(), each.end(), form))
    return found


def tag_of(form: str, key: bytes) -> int:
    """Return the keyed hash of an item, 64 bits (BLAKE2b)."""
    digest = blake2b(form.encode("utf-8", "surrogatepass"), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "little")


@final
class Stretches:
    """Cuts a stream into stretches that can be looked at one by one."""

    def __init__(self) -> None:
        self._before = ""  # the character before the rest, which says whether it can begin there
        self._rest = ""
        self._at = 0
        self._starts: deque[int] = deque((0,))

    @property
    def safe(self) -> int:
        """Return up to which character all stretches are over."""
        return self._at

    def open_at(self, read: int) -> int:
        """Return where the stretch began that was not over when so many characters were read."""
        return max((start for start in self._starts if start < read), default=0)

    def forget(self, before: int) -> None:
        """Drop what is known of stretches that were over before a character."""
        starts = self._starts
        while len(starts) > 1 and starts[1] < before:
            starts.popleft()

    def feed(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield start and text of each stretch that is over now and may hold an item.

        It is over when the character behind it is read.
        """
        rest = self._before + self._rest + text
        start = begun = len(self._before)
        while True:
            cut = _BOUNDARY.search(rest, start)
            end = len(rest) if cut is None else cut.end()
            if cut is None or end - start > LONGEST:
                if len(rest) - start <= LONGEST:
                    break
                end = start + LONGEST
            if _MAYBE.search(rest, start, end):
                yield self._at + start - begun, rest[start:end]
            start = end
            self._starts.append(self._at + start - begun)
        self._before = rest[:start][-1:]
        self._rest = rest[start:]
        self._at += start - begun

    def end(self) -> Iterator[tuple[int, str]]:
        """Yield the last stretch."""
        rest, self._rest = self._rest, ""
        if _MAYBE.search(rest):
            yield self._at, rest
        self._at += len(rest)
