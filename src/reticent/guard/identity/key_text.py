"""How an API key is written: `rk_<id>_<secret><checksum>`.

The id (12 characters) is public and names the key in lists and journals. The secret is 256 random
bits in 43 characters of base 62. The checksum (CRC-32 of all before it, 6 characters) tells a key
from something that looks like one, so that typing errors and finds of secret scanners can be told
without a look-up. A scanner finds keys by `PATTERN`.
"""

import hmac
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from reticent.core import BadInput
from reticent.guard.secrets import is_weak

PATTERN = r"\brk_[a-z2-7]{12}_[0-9A-Za-z]{49}\b"
PREFIX = "rk_"
ID_LENGTH = 12
SECRET_BYTES = 32
LENGTH = 65

_ID_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WHOLE = re.compile(PATTERN.replace(r"\b", ""), re.ASCII)

#: The key in our documentation. Its checksum is right; no guard ever takes it.
EXAMPLE_KEY = "rk_examplekeyaa_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg3hvybT"


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key in the clear, for the moment when it is shown.

    Attributes:
        key_id: its public part.
        text: all of it.
    """

    key_id: str
    text: str

    def __repr__(self) -> str:
        return f"KeyText(key_id={self.key_id!r})"


def new_key(draw: Callable[[int], bytes]) -> KeyText:
    """Return a new key.

    Args:
        draw: gives that many random bytes, as `secrets.token_bytes` does.

    Raises: BadInput if what it gives is too simple to be random.
    """
    number = int.from_bytes(draw(8), "big")
    key_id = "".join(_ID_DIGITS[(number >> 5 * i) & 31] for i in range(ID_LENGTH))
    secret = draw(SECRET_BYTES)
    if is_weak(secret):
        raise BadInput(
            "The source of random numbers gave a key that can be guessed.",
            way_out="Do not go on; have the machine's random number generator checked.",
        )
    return KeyText(key_id, written(key_id, secret))


def written(key_id: str, secret: bytes) -> str:
    """Return a key as text, from its id and its 32 secret bytes."""
    body = f"{PREFIX}{key_id}_{_base62(int.from_bytes(secret, 'big'), 43)}"
    return body + _checksum(body)


def id_of(text: str) -> str | None:
    """Return the public id in a key; None if this is no key, or was mistyped."""
    if len(text) != LENGTH or not _WHOLE.fullmatch(text) or _checksum(text[:-6]) != text[-6:]:
        return None
    return text[len(PREFIX) : len(PREFIX) + ID_LENGTH]


def keyed_hash(pepper: bytes, text: str) -> bytes:
    """Return all that is kept of a key: HMAC-SHA-256(pepper, key), 32 bytes.

    A slow password hash would add nothing: 256 random bits cannot be tried out.
    """
    return hmac.digest(pepper, text.encode("ascii"), "sha256")


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), 6)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
