"""Short items that are too short for fingerprints of spans: addresses, numbers, identifiers.

Two uses: a filter takes personal data out of a text whoever they belong to (`personal`), and it
takes out what stands in the private corpus and is found by its keyed hash (`items`).

A text is read in stretches: whole words, and words with digits together with their neighbours, so
that a number in groups stays in one piece. Where a stretch ends depends on the text alone.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import final

LONGEST = 512  # characters of a stretch

_BOUNDARY = re.compile(r"(?<![\d)+\s])\s+(?=[^\s\d(+])")
_MAYBE = re.compile(r"@|\d")

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
)
_PHONE = re.compile(
    r"(?<![\w.])(?:\+|00)?(?:\(\d{1,5}\)|\d{1,5})"
    r"(?:[ ./-]{0,2}(?:\(\d{1,5}\)|\d{2,5})){2,6}(?![\w])"
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?!\w)")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\w-])")
_DIGITS = re.compile(r"(?<!\w)[+(]*\d(?:[ ().-]{0,2}\d){6,}(?!\w)")
_IDENTIFIER = re.compile(
    r"(?<!\w)(?=(?:[A-Za-z_./-]*\d){3})(?=[\d./-]*[A-Za-z])[A-Za-z0-9](?:[./_-]?[A-Za-z0-9]){6,40}(?!\w)"
)
_NOT_DIGITS = re.compile(r"\D+")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Found:
    """An item in a text.

    Attributes:
        kind: "email", "phone", "card", "iban", "ssn", "digits" or "identifier".
        start: of its first character.
        end: behind its last.
        form: what stays the same however it is written.
    """

    kind: str
    start: int
    end: int
    form: str


def _is_card(text: str) -> bool:
    """Return whether the digits pass Luhn's check (ISO/IEC 7812-1).

    >>> _is_card("4111 1111 1111 1111"), _is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(d) for d in _NOT_DIGITS.sub("", text)]
    doubled = [d if i % 2 == 0 else 2 * d - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _is_iban(text: str) -> bool:
    """Return whether an account number passes the check of ISO 13616.

    >>> _is_iban("GB29 NWBK 6016 1331 9268 19"), _is_iban("GB28 NWBK 6016 1331 9268 19")
    (True, False)
    """
    plain = _NOT_PLAIN.sub("", text).upper()
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _is_phone(text: str) -> bool:
    """Return whether there are 8 to 15 digits (ITU-T E.164), set off as in a number to call.

    >>> _is_phone("+44 20 7946 0958"), _is_phone("2024-01-31"), _is_phone("12345678")
    (True, False, False)
    """
    digits = _NOT_DIGITS.sub("", text)
    groups = [g for g in _NOT_DIGITS.split(text) if g]
    if not 8 <= len(digits) <= 15:
        return False
    if text.startswith("+"):
        return True
    dates = [len(g) for g in groups] in ([4, 2, 2], [2, 2, 4])
    return len(groups) >= 3 and not dates and (len(digits) >= 9)


_PERSONAL: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "email": (_EMAIL, lambda _: True),
    "iban": (_IBAN, _is_iban),
    "card": (_CARD, _is_card),
    "ssn": (_SSN, lambda _: True),
    "phone": (_PHONE, _is_phone),
}
KINDS = tuple(_PERSONAL)


def personal(text: str, kinds: Iterable[str]) -> list[Found]:
    """Return personal data in a stretch of text, by the kinds that were asked for.

    >>> [f.kind for f in personal("write to ann@example.org", ["email", "card"])]
    ['email']
    """
    found = []
    for kind in kinds:
        pattern, holds = _PERSONAL[kind]
        for each in pattern.finditer(text):
            if holds(each.group()):
                found.append(Found(kind, each.start(), each.end(), each.group().casefold()))
    return found


def items(text: str) -> list[Found]:
    """Return what of a stretch of text is worth finding again: in one form, however it is written.

    >>> [f.form for f in items("Ann@Example.org, +44 20-7946 0958; case ZX-2041-77")]
    ['ann@example.org', '442079460958', 'ZX204177']
    """
    found = [
        Found("email", e.start(), e.end(), e.group().casefold()) for e in _EMAIL.finditer(text)
    ]
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
