"""The journal's keys, derived from the guard's one secret."""

from dataclasses import dataclass, field
from typing import final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reticent.core import BadInput
from reticent.guard.secrets import LEAST_BYTES, derived


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class JournalKeys:
    """What is needed to write the journal, and to check it.

    Attributes:
        chain: 32 bytes; links the rows.
        signing: signs checkpoints.
    """

    chain: bytes = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)

    @property
    def public_key(self) -> str:
        """Return the key, in hex, with which anybody can check a checkpoint."""
        return self.signing.public_key().public_bytes_raw().hex()


def journal_keys(secret: bytes) -> JournalKeys:
    """Return the keys that belong to a secret.

    Raises: BadInput for a secret of fewer than 32 bytes.
    """
    if len(secret) < LEAST_BYTES:
        raise BadInput(
            f"The guard's secret has {len(secret)} bytes; {LEAST_BYTES} or more are needed.",
            way_out="Make one with: openssl rand -hex 32.",
        )
    return JournalKeys(
        chain=derived(secret, "journal chain"),
        signing=Ed25519PrivateKey.from_private_bytes(derived(secret, "journal checkpoints")),
    )
