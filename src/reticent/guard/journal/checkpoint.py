"""Signed statements of how long a chain is, and the file outside of the journal that keeps them.

A chain by itself does not show that its end was cut off, nor that all of it was written anew by
somebody who has the chain key. A checkpoint that lies elsewhere does: copy `anchors.jsonl` to
where the guard's administrators cannot write. Anybody can check a checkpoint with the public key.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from reticent.core import BadInput, BadRecord
from reticent.guard.journal.chain import Head
from reticent.guard.journal.keys import JournalKeys

_DOMAIN = b"reticent journal checkpoint 1\n"
_MOST_LINE_BYTES = 10_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a chain had come at some time.

    Attributes:
        chain: name of the chain.
        number: 1, 2, 3, ... within the chain.
        count: rows of the chain.
        link: link of row `count`, in hex.
        time_s: seconds since 1970.
        key: public key of the signer, in hex.
        signature: Ed25519, in hex.
    """

    chain: str
    number: int
    count: int
    link: str
    time_s: float
    key: str
    signature: str = ""

    def line(self) -> bytes:
        """Return it as one line of JSON, without the line's end."""
        return orjson.dumps(_body(self) | {"signature": self.signature})

    def signed_by(self, public_key: str) -> bool:
        """Return whether the owner of this public key (hex) signed it."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
            key.verify(bytes.fromhex(self.signature), _said(self))
        except (ValueError, InvalidSignature):
            return False
        return self.key == public_key


def checkpoint(
    keys: JournalKeys, chain: str, head: Head, *, number: int, time_s: float
) -> Checkpoint:
    """Return a signed checkpoint."""
    bare = Checkpoint(
        chain=chain,
        number=number,
        count=head.length,
        link=head.link.hex(),
        time_s=time_s,
        key=keys.public_key,
    )
    signature = keys.signing.sign(_said(bare)).hex()
    return Checkpoint(**_body(bare), signature=signature)


def checkpoint_of(line: bytes | str) -> Checkpoint:
    """Return the checkpoint that one line of JSON stands for; whose it is, is another question.

    Raises: BadRecord if it stands for none.
    """
    try:
        body = orjson.loads(line)
        if {name: type(value) for name, value in body.items()} != _TYPES:
            raise ValueError("other fields")
        return Checkpoint(**body)
    except (ValueError, AttributeError) as error:
        raise BadRecord(f"{line[:60]!r} is no checkpoint ({error}).") from error


def append_anchor(path: Path, checkpoint: Checkpoint) -> None:
    """Add a checkpoint to a file of anchors, and wait until it is on disk.

    A line that a crash cut short stays as it is; the next one begins a line of its own.

    Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        torn = b""
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            torn = b"" if file.read(1) == b"\n" else b"\n"
        file.write(torn + checkpoint.line() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def anchors(path: Path) -> Iterator[Checkpoint]:
    """Yield the checkpoints in a file of anchors; lines that a crash tore are left out.

    Raises: BadInput if there is no such file, or if none of its lines is a checkpoint.
    """
    try:
        with path.open("rb") as file:
            found = 0
            empty = True
            while line := file.readline(_MOST_LINE_BYTES):
                if line.strip():
                    empty = False
                    with suppress(BadRecord):
                        yield checkpoint_of(line)
                        found += 1
    except OSError as error:
        raise BadInput(f"{path}: it cannot be read ({error.strerror}).") from error
    if not found and not empty:
        raise BadInput(
            f"{path}: no line of it is a checkpoint.",
            way_out='Give a file that the guard or "reticent journal anchor" wrote.',
        )


def _body(checkpoint: Checkpoint) -> dict[str, Any]:
    return {name: getattr(checkpoint, name) for name in _TYPES if name != "signature"}


def _said(checkpoint: Checkpoint) -> bytes:
    return _DOMAIN + orjson.dumps(_body(checkpoint), option=orjson.OPT_SORT_KEYS)


_TYPES = {
    "chain": str,
    "number": int,
    "count": int,
    "link": str,
    "time_s": float,
    "key": str,
    "signature": str,
}
