"""Personal data in a text, found with the standard library alone: one recogniser for all.

Audits count with it what a model gives away, and the guard takes out with it what must not leave.
Expressions are bounded, so that a hostile text costs linear time. Numbers with a check digit
(cards, bank accounts, health numbers) count only if it is right. A name is a known given name
or a title, followed by a surname; a recogniser of entities finds more of them.
"""

import re
from bisect import bisect
from collections.abc import Callable, Iterator, Set
from enum import StrEnum
from importlib.resources import files
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple


class PiiKind(StrEnum):
    """What a span of text is."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    SSN = "ssn"
    NHS = "nhs"
    IP = "ip"


class PiiSpan(NamedTuple):
    """Where personal data stand.

    Attributes:
        start: index of the first character.
        end: index behind the last.
        kind: what it is.
        value: its canonical form, equal for equal data however they are written.
    """

    start: int
    end: int
    kind: PiiKind
    value: str


ALL_KINDS = frozenset(PiiKind)
#: The longest span that is ever found, in characters.
MAX_CHARS = 320

_DASH = "\u2010\u2011\u2012\u2013-"
_GAP = rf"[ .\u00a0{_DASH}]"
_AFTER = rf"(?!\w)(?![.,{_DASH}][0-9])"
_DIGIT = re.compile("[0-9]")
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,3}[^\W\d_]{2,24}(?![\w-])"
)
# A country code; North American groups; a trunk 0. A bare run of digits is no telephone number.
_PHONE = re.compile(
    rf"(?<![\w+])(?<![0-9][.,{_DASH}])(?:"
    rf"\+[1-9][0-9]{{0,2}}(?:{_GAP}?\([0-9]{{1,4}}\))?(?:{_GAP}?[0-9]){{6,13}}"
    rf"|(?:1{_GAP})?(?:\([2-9][0-9]{{2}}\)[ ]?|[2-9][0-9]{{2}}{_GAP})"
    rf"[2-9][0-9]{{2}}{_GAP}[0-9]{{4}}"
    rf"|(?:\(0[1-9][0-9]{{0,4}}\)|0[1-9][0-9]{{0,4}})(?:{_GAP}|/)?[0-9]{{2,8}}(?:{_GAP}[0-9]{{2,8}}){{0,4}}"
    rf"){_AFTER}"
)
_CARD = re.compile(
    rf"(?<!\w)(?<![0-9][.,{_DASH}])[2-6][0-9]{{3}}(?:[ {_DASH}]?[0-9]){{9,15}}{_AFTER}"
)
_NHS = re.compile(rf"(?<!\w)(?<![0-9][.,{_DASH}])[0-9]{{3}} [0-9]{{3}} [0-9]{{4}}{_AFTER}")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_SSN = re.compile(
    r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?!\w)(?!-[0-9])"
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IP = re.compile(
    rf"(?<![\w.:])(?:{_OCTET}(?:\.{_OCTET}){{3}}|(?=[0-9a-fA-F]{{0,4}}:)[0-9a-fA-F:]{{4,39}})"
    r"(?![\w:])(?!\.[0-9])"
)
_PIECE = re.compile(r"[^\W\d_]+(?:['\u2019-](?![sS](?!\w))[^\W\d_]+)*")
_FIRST = re.compile(rf"(?<![\w@])(?=[^\W\d_a-z]){_PIECE.pattern}")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "lady"})
#: What follows a title in an address and is no surname.
_OFFICES = frozenset({"president", "speaker", "chairman", "chairwoman", "secretary", "minister"})
#: In the lists of names, and far more often a common word that begins a proper name.
_WORDS = frozenset({"florida", "job", "price", "urban", "west"})
#: Given names, initials and the surname that may follow the first given name.
_MOST_PIECES = 4
_PIECE_CHARS = 40
_NUMBER_CHARS = "0123456789 ().,+/\u00a0" + _DASH
#: How long a run of digits and spaces is waited for in a stream, in characters.
_NUMBER_HELD_CHARS = 64


def known_names() -> frozenset[str]:
    """Return some 7,600 English given names in lower case (Kantrowitz, see core/names/README)."""
    lists = (files("reticent.core") / "names" / name for name in ("female.txt", "male.txt"))
    return frozenset(
        name.strip().lower() for each in lists for name in each.read_text("utf-8").splitlines()
    ) - {"", *_WORDS}


def find_pii(
    text: str, *, kinds: Set[PiiKind] = ALL_KINDS, given_names: Set[str] = frozenset()
) -> tuple[PiiSpan, ...]:
    """Return the personal data in a text, in its order, none overlapping another.

    Where two kinds claim the same characters, the one that is checked more strictly has them.

    Args:
        text: any string.
        kinds: those to look for.
        given_names: in lower case; without them a name is found only behind a title.

    >>> [(s.kind.value, s.value) for s in find_pii("Write to Ann.Lee@example.org.")]
    [('email', 'ann.lee@example.org')]
    >>> found = find_pii("Ask Ann B. Lee: 4111 1111 1111 1111.", given_names={"ann"})
    >>> [(s.kind.value, s.value) for s in found]
    [('name', 'ann b lee'), ('card', '4111111111111111')]
    """
    taken: list[PiiSpan] = []
    numbers, mail = _DIGIT.search(text) is not None, "@" in text
    for kind, expression, value in _NUMBERS_AND_ADDRESSES:
        if kind in kinds and (mail if kind is PiiKind.EMAIL else numbers):
            for match in expression.finditer(text):
                if (found := value(match[0])) is not None:
                    _take(PiiSpan(match.start(), match.end(), kind, found), taken)
    if PiiKind.NAME in kinds:
        for span in _names(text, given_names):
            _take(span, taken)
    return tuple(taken)


def canonical(kind: PiiKind, text: str) -> str:
    """Return a value as `find_pii` would, for comparison: digits alone, or lower case.

    >>> canonical(PiiKind.PHONE, "+1 (212) 555-0123"), canonical(PiiKind.NAME, "Ann  B. Lee")
    ('12125550123', 'ann b lee')
    """
    if kind in (PiiKind.PHONE, PiiKind.CARD, PiiKind.SSN, PiiKind.NHS):
        return "".join(c for c in text if c in "0123456789")
    if kind is PiiKind.IBAN:
        return "".join(text.split()).upper()
    if kind is PiiKind.NAME:
        return " ".join(_PIECE.findall(text)).lower().replace("\u2019", "'")
    return text.strip().lower()


def held_from(text: str) -> int:
    """Return the index up to which a stream's text is settled, whatever follows it.

    Every span of `find_pii(text + more)` that begins before it is one of `find_pii(text)`, and the
    other way round. Runs of digits are waited for up to 64 characters, other words up to
    `MAX_CHARS`.

    >>> held_from("Write to ann.lee@exam")
    9
    """
    begin = max(0, len(text) - MAX_CHARS)
    tail = text[begin:]
    word = len(tail) - len(tail.split()[-1]) if tail and not tail[-1].isspace() else len(tail)
    number = max(len(tail.rstrip(_NUMBER_CHARS)), len(tail) - _NUMBER_HELD_CHARS)
    account = len(tail.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "))
    at = min(word, number, account, _name_from(tail))
    # Never inside an address, which has no spaces.
    while 0 < at < len(tail) and not (tail[at].isspace() or tail[at - 1].isspace()):
        at -= 1
    return begin + at


def _name_from(tail: str) -> int:
    """Return where the words at the end that may be a name begin."""
    at = len(tail)
    end = at
    for _ in range(_MOST_PIECES + 2):
        start = tail.rfind(" ", 0, end) + 1
        piece = tail[start:end]
        if piece and not any(c.isupper() for c in piece):
            break
        at, end = start, start - 1
        if end <= 0:
            break
    return at


def _take(span: PiiSpan, taken: list[PiiSpan]) -> None:
    at = bisect(taken, span)
    before = at == 0 or taken[at - 1].end <= span.start
    if before and (at == len(taken) or span.end <= taken[at].start):
        taken.insert(at, span)


def _names(text: str, given_names: Set[str]) -> Iterator[PiiSpan]:
    end = 0
    for first in _FIRST.finditer(text):
        word = first[0].lower()
        if first.start() < end or not _begins_name(text, first):
            continue
        titled = word in _TITLES
        if not titled and word not in given_names:
            continue
        last = _surname_end(text, first.end(), given_names, titled=titled)
        if last is not None:
            start, end = first.start(), last
            if titled:
                start = end - len(text[first.end() : end].lstrip(". "))
            yield PiiSpan(start, end, PiiKind.NAME, canonical(PiiKind.NAME, text[start:end]))


def _begins_name(text: str, piece: re.Match[str]) -> bool:
    at = piece.start()
    before = text[at - 1] if at else " "
    after = text[piece.end()] if piece.end() < len(text) else " "
    whole = not (before.isalnum() or before in "_@" or after.isdigit() or after in "_@")
    return whole and text[at].isupper() and len(piece[0]) <= _PIECE_CHARS


def _surname_end(text: str, at: int, given_names: Set[str], *, titled: bool) -> int | None:
    """Return where the surname ends that follows a given name, initials and more given names."""
    if titled and text[at : at + 1] == ".":
        at += 1
    for _ in range(_MOST_PIECES):
        piece = _PIECE.match(text, at + 1) if text[at : at + 1] == " " else None
        if piece is None or not _begins_name(text, piece):
            return None
        if titled and piece[0].lower() in _OFFICES:
            return None
        initial = len(piece[0]) == 1
        if not initial and not (piece[0].lower() in given_names and _goes_on(text, piece.end())):
            return piece.end()
        at = piece.end() + (initial and text[piece.end() : piece.end() + 1] == ".")
    return None


def _goes_on(text: str, at: int) -> bool:
    return text[at : at + 1] == " " and text[at + 1 : at + 2].isupper()


def _phone(text: str) -> str | None:
    digits = canonical(PiiKind.PHONE, text)
    return digits if len(digits) >= (8 if text[0] == "+" else 9) and len(digits) <= 15 else None


def _card(text: str) -> str | None:
    digits = canonical(PiiKind.CARD, text)
    doubled = (int(c) * 2 for c in digits[-2::-2])
    total = sum(int(c) for c in digits[-1::-2]) + sum(d - 9 if d > 9 else d for d in doubled)
    return digits if total % 10 == 0 else None


def _iban(text: str) -> str | None:
    account = "".join(text.split())
    turned = account[4:] + account[:4]
    return account if int("".join(str(int(c, 36)) for c in turned)) % 97 == 1 else None


def _nhs(text: str) -> str | None:
    digits = canonical(PiiKind.NHS, text)
    check = (
        11 - sum(int(c) * weight for c, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    )
    return digits if check % 11 == int(digits[-1]) else None


def _ssn(text: str) -> str | None:
    return canonical(PiiKind.SSN, text)


def _ip(text: str) -> str | None:
    if ":" not in text:
        return text
    try:
        return str(IPv6Address(text)) if text.count(":") > 1 and text != "::" else None
    except AddressValueError:
        return None


#: In the order in which they win: the strictest check first.
_NUMBERS_AND_ADDRESSES: tuple[tuple[PiiKind, re.Pattern[str], Callable[[str], str | None]], ...] = (
    (PiiKind.IBAN, _IBAN, _iban),
    (PiiKind.EMAIL, _EMAIL, str.lower),
    (PiiKind.CARD, _CARD, _card),
    (PiiKind.NHS, _NHS, _nhs),
    (PiiKind.SSN, _SSN, _ssn),
    (PiiKind.IP, _IP, _ip),
    (PiiKind.PHONE, _PHONE, _phone),
)
