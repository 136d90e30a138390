"""The key of an index, and what is derived from it."""

import os
import secrets
import stat
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np

from reticent.core import BadInput

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class IndexKey:
    """What turns texts into fingerprints that nobody can make without it.

    Attributes:
        secret: 32 random bytes.
    """

    secret: bytes = field(repr=False)

    def derived(self, purpose: bytes, size: int = 32) -> bytes:
        """Return bytes for one purpose (BLAKE2b, RFC 7693, keyed)."""
        return blake2b(
            purpose, key=self.secret, digest_size=size, person=b"reticent-index"
        ).digest()

    @property
    def halves(self) -> tuple[np.uint64, np.uint64]:
        """Return the two words that key the hashes of blocks."""
        low, high = np.frombuffer(self.derived(b"blocks", 16), dtype="<u8").tolist()
        return np.uint64(low), np.uint64(high)

    @property
    def check(self) -> bytes:
        """Return what shows that an index was built with this key."""
        return self.derived(b"check", 16)

    def fingerprint(self, kind: str, text: bytes) -> str:
        """Return 16 hexadecimal digits that stand for a text and tell nothing of it."""
        key = self.derived(b"fingerprint:" + kind.encode())
        return blake2b(text, key=key, digest_size=8).hexdigest()


def make_key(path: Path) -> IndexKey:
    """Return a new key, written to `path` for its owner alone; one that is there already stays.

    Raises: BadInput as `read_key` does.
    """
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(KEY_BYTES) + "\n")
            out.flush()
            os.fsync(out.fileno())
    return read_key(path)


def read_key(path: Path) -> IndexKey:
    """Return the key in a file.

    Raises: BadInput if there is none, it is not 32 bytes in hexadecimal, or others may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii", errors="replace").strip()
    except OSError as error:
        raise BadInput(
            f"The key of the index cannot be read at {path} ({error.strerror}).",
            way_out="Name the file with --key or text_filter.key; without it the index is of no "
            "use: build it again.",
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(
            f"{path} can be read by others (mode {mode & 0o777:o}).",
            way_out=f"chmod 600 {path}, and think about who may have read it.",
        )
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise BadInput(
            f"{path} holds no key of {KEY_BYTES} bytes in hexadecimal.",
            way_out="Put the right file back, or build the index again.",
        )
    return IndexKey(secret)
