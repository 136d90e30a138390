"""The guard's secret, and the keys that are derived from it."""

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reticent.config import GuardFile
from reticent.core import BadInput

LEAST_BYTES = 32
LEAST_DIFFERENT = 12
FILE = "secret"


def read_secret(file: GuardFile, environ: Mapping[str, str], *, make: bool = True) -> bytes:
    """Return the guard's secret: from the environment, or from the state folder.

    Where neither holds one, a new one is made and kept in the state folder, readable by its owner
    alone; without `make` that is an error, for what was written with another could not be read.

    Raises: BadInput if it is too short, too simple, not hexadecimal, or readable by others; or if
        several replicas are declared and the environment holds none.
    """
    name = file.guard.secret_env
    if environ.get(name):
        return _checked(environ[name], f"The environment variable {name}")
    if file.guard.replicas > 1:
        raise BadInput(
            f"guard.replicas is {file.guard.replicas}, but the environment variable {name}, which "
            "holds the secret that they share, is not set.",
            way_out=f'Set it on each to the same value: {name}="$(openssl rand -hex 32)".',
        )
    path = file.state / FILE
    if not path.exists():
        if not make:
            raise BadInput(
                f"The guard's secret is neither in the environment variable {name} nor in {path}.",
                way_out="Put back the one that this guard was started with.",
            )
        _make(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(
            f"{path} can be read by others (mode {path.stat().st_mode & 0o777:o}).",
            way_out=f"chmod 600 {path}, and think about who may have read it.",
        )
    return _checked(path.read_text("ascii", errors="replace"), str(path))


def derived(secret: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose (HKDF-SHA-256, RFC 5869)."""
    info = b"reticent-guard-v1:" + purpose.encode()
    return HKDF(hashes.SHA256(), length=32, salt=None, info=info).derive(secret)


def is_weak(secret: bytes) -> bool:
    """Return whether a secret is too short or too regular to be random.

    Of 32 random bytes fewer than 12 are different once in 10^19 draws; bytes in equal steps
    (0, 1, 2 ...) or repeated with a period of up to 16 are as unlikely.
    """
    if len(secret) < LEAST_BYTES or len(set(secret)) < LEAST_DIFFERENT:
        return True
    steps = {(b - a) % 256 for a, b in pairwise(secret)}
    return len(steps) == 1 or any(secret[p:] == secret[:-p] for p in range(1, 17))


def _make(path: Path) -> None:
    """Put a new secret in its place, whole or not at all; one that is there already stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(LEAST_BYTES) + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):  # somebody else was quicker: theirs holds
            os.link(draft, path)  # unlike a rename, it never replaces
    finally:
        draft.unlink()


def _checked(text: str, where: str) -> bytes:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{where} does not hold a secret in hexadecimal.",
            way_out="Make one with: openssl rand -hex 32",
        ) from error
    if is_weak(secret):
        raise BadInput(
            f"{where} holds a weak secret ({len(secret)} bytes, {len(set(secret))} different); "
            f"at least {LEAST_BYTES} random bytes are needed.",
            way_out="Make one with: openssl rand -hex 32",
        )
    return secret
