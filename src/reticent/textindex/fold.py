"""One form for texts that read alike: case, spaces, punctuation and look-alikes taken away.

A character folds by itself, whatever stands around it, so that a stream folds to the same bytes
however it is cut. One byte is left of each letter or digit: a to z, 2 to 9, and one of 128 others
for letters of scripts that fold to no Latin letter. Two of those may share a byte, by chance one in
128; that 47 in a row do is out of the question. Everything else folds to nothing, so that none of
it can be put between letters to hide them: spaces, punctuation, marks, symbols, controls, halves
of surrogate pairs.
"""

import re
import unicodedata

import numpy as np

from reticent.textindex.lookalikes import LOOKALIKES

UNICODE = unicodedata.unidata_version

_PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789"
_ALIKE = {"i": "l", "1": "l", "0": "o"}  # I, l and 1, and O and 0, pass for one another
_OTHERS = range(0x80, 0x100)


def _table() -> bytes:
    table = bytearray(range(256))
    for small in _PLAIN.decode():
        byte = ord(_ALIKE.get(small, small))
        table[ord(small)] = table[ord(small.upper())] = byte
    return bytes(table)


_TABLE = _table()
_DROPPED = bytes(
    b for b in range(0x80) if chr(b).lower().encode() not in {bytes([p]) for p in _PLAIN}
)
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_LONG = 2048  # characters from which it pays to look for foreign ones by numpy


def folded(character: str) -> str:
    """Return what is left of one character, as characters of one byte each in Latin-1.

    >>> folded("Ａ"), folded("ß"), folded("é"), folded("а"), folded("٣"), folded("-")
    ('a', 'ss', 'e', 'a', '3', '')
    """
    said = []
    if character in LOOKALIKES:  # before it is taken apart: a lunate sigma is a c, a sigma an o
        character = LOOKALIKES[character]
    for part in unicodedata.normalize("NFKD", character):
        alike = LOOKALIKES.get(part)
        if alike is not None:
            said.append(_ALIKE.get(alike, alike))
            continue
        for each in unicodedata.normalize("NFKD", part.casefold()):
            said.append(_letter(each))
    return "".join(said)


def _letter(each: str) -> str:
    each = LOOKALIKES.get(each, each)
    if unicodedata.category(each)[0] not in "LN":
        return ""
    digit = unicodedata.decimal(each, None)
    small = each.casefold() if digit is None else str(digit)
    if small.isascii():
        return _ALIKE.get(small, small)
    mixed = (ord(each) * 0x9E3779B1) & 0xFFFFFFFF
    return chr(_OTHERS.start + (mixed >> 25))


class _Known(dict[int, str]):
    """Remembers what each character folds to; of rare ones, those that are letters."""

    def __missing__(self, code: int) -> str:
        found = folded(chr(code))
        if found or code < 0x10000:
            self[code] = found
        return found


class Fold:
    """Folds texts; remembers the characters it has met."""

    def __init__(self) -> None:
        self._known = _Known()

    def __call__(self, text: str) -> bytes:
        """Return a text's folded form.

        >>> Fold()("The  “Ｌａｚｙ” Dоg, 10%!")
        b'thelazydoglo'
        """
        if not text.isascii():
            if len(text) >= _LONG:
                return self._long(text)
            text = _FOREIGN.sub(self._run, text)
        return text.encode("latin-1").translate(_TABLE, _DROPPED)

    def _long(self, text: str) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        foreign = np.flatnonzero(np.frombuffer(data, dtype=np.int8) < 0)
        gaps = np.flatnonzero(np.diff(foreign) > 1)
        starts = foreign[np.concatenate(([0], gaps + 1))].tolist()
        ends = (foreign[np.concatenate((gaps, [-1]))] + 1).tolist()
        said = []
        at = 0
        for start, end in zip(starts, ends, strict=True):
            run = data[start:end].decode("utf-8", "surrogatepass")
            said += [data[at:start], run.translate(self._known).encode("latin-1")]
            at = end
        said.append(data[at:])
        return b"".join(said).translate(_TABLE, _DROPPED)

    def _run(self, found: re.Match[str]) -> str:
        return found.group().translate(self._known)

    def place(self, text: str, count: int) -> int:
        """Return the index of the character that the folded byte number `count` comes from.

        The length of the text if it folds to no more than `count` bytes.

        >>> Fold().place("a, ß-c", 2), Fold().place("a, ß-c", 3), Fold().place("a", 1)
        (3, 5, 1)
        """
        seen = 0
        for at, character in enumerate(text):
            seen += len(self(character))
            if seen > count:
                return at
        return len(text)
