"""HMAC-SHA-256 for the request's path."""

from hashlib import sha256
from typing import final

_BLOCK_BYTES = 64


@final
class Mac:
    """HMAC-SHA-256 (RFC 2104) under one key, its two inner states worked out once.

    `hmac.digest` lets go of the interpreter's lock for every call, however short; while the
    journal's thread is at work, getting it back can take the event loop milliseconds. hashlib lets
    go for long messages only.

    Args:
        key: of any length.

    >>> Mac(b"Jefe").digest(b"what do ya want for nothing?").hex()[:16]  # RFC 4231, case 2
    '5bdcc146bf60754e'
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = sha256(key).digest() if len(key) > _BLOCK_BYTES else key
        block = block.ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(b ^ 0x36 for b in block))
        self._outer = sha256(bytes(b ^ 0x5C for b in block))

    def digest(self, message: bytes) -> bytes:
        """Return the 32 bytes of HMAC-SHA-256(key, message)."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()
