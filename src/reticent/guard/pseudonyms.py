"""Names that tell callers apart without saying who they are: for journals and limits.

The same secret gives the same names, on every replica and after a restart. Without the secret
nobody can find out, even by trying, whose name it is.
"""

import hmac
from functools import lru_cache

from reticent.guard.secrets import derived
from reticent.guard.types import Caller

LENGTH = 16


@lru_cache(maxsize=1_024)
def pseudonym(secret: bytes, kind: str, text: str) -> str:
    """Return 16 hexadecimal digits (64 bits) of HMAC-SHA-256.

    Args:
        secret: the guard's secret.
        kind: what is named ("identity", "token", "network"); the same text of another kind gets
            another name.
        text: what to name.
    """
    data = text.encode("utf-8", "surrogatepass")
    return hmac.digest(_key(secret, kind), data, "sha256").hex()[:LENGTH]


def identity_pseudonym(secret: bytes, tenant: str, identity: str) -> str:
    """Return the name of an identity; the same identity at another tenant gets another name."""
    return pseudonym(secret, "identity", f"{tenant}\0{identity}")


def token_pseudonym(secret: bytes, tenant: str, token: str) -> str:
    """Return the name of a key, token or certificate, likewise."""
    return pseudonym(secret, "token", f"{tenant}\0{token}")


def pseudonyms_of(secret: bytes, caller: Caller) -> tuple[str, str]:
    """Return the names of a caller's identity and token."""
    return (
        identity_pseudonym(secret, caller.tenant, caller.identity),
        token_pseudonym(secret, caller.tenant, caller.token),
    )


@lru_cache(maxsize=64)
def _key(secret: bytes, kind: str) -> bytes:
    return derived(secret, f"pseudonyms:{kind}")
