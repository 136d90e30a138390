"""The journal's keys, all derived from the guard's one secret."""

import hmac
from dataclasses import dataclass, field
from typing import final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reticent.core import BadInput

LEAST_SECRET_BYTES = 32
PSEUDONYM_BYTES = 16


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class JournalKeys:
    """What is needed to write the journal, and to check it.

    Attributes:
        chain: 32 bytes; links the rows.
        pseudonyms: 32 bytes; turns names into pseudonyms.
        fingerprints: 32 bytes; for rows of inputs, see `Fingerprints`.
        signing: signs checkpoints.
    """

    chain: bytes = field(repr=False)
    pseudonyms: bytes = field(repr=False)
    fingerprints: bytes = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)

    @property
    def public_key(self) -> str:
        """Return the key, in hex, with which anybody can check a checkpoint."""
        return self.signing.public_key().public_bytes_raw().hex()

    def pseudonym(self, tenant: str, name: str) -> str:
        """Return the pseudonym of an identity or of the id of a token, 32 hex digits."""
        said = len(tenant).to_bytes(4, "big") + f"{tenant}{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.pseudonyms, said, "sha256")[:PSEUDONYM_BYTES].hex()


def journal_keys(secret: bytes) -> JournalKeys:
    """Return the keys that belong to a secret (HKDF-SHA-256, RFC 5869).

    Raises: BadInput for a secret of fewer than 32 bytes.
    """
    if len(secret) < LEAST_SECRET_BYTES:
        raise BadInput(
            f"The guard's secret has {len(secret)} bytes; {LEAST_SECRET_BYTES} or more are needed.",
            way_out="Make one with: openssl rand -hex 32.",
        )
    return JournalKeys(
        chain=_derived(secret, b"chain"),
        pseudonyms=_derived(secret, b"pseudonyms"),
        fingerprints=_derived(secret, b"fingerprints"),
        signing=Ed25519PrivateKey.from_private_bytes(_derived(secret, b"signing")),
    )


def _derived(secret: bytes, use: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"reticent journal 1 " + use).derive(secret)
