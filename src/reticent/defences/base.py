"""The contract every defence obeys."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from reticent.core import Answer, Channel, Floats
from reticent.core.few import Few


@dataclass(frozen=True, slots=True)
class Keyed:
    """Randomness that depends on nothing but the secret, the step and the question.

    Asking again gives the same noise, so repeats do not average it away; without the secret it
    cannot be predicted.

    Attributes:
        secret: the endpoint's key; never part of a policy or its digest.
        rows: gives one canonical byte string a question; called only when noise is wanted.
        step: place of the defence in its chain, so that two steps draw apart.
    """

    secret: bytes
    rows: Callable[[], list[bytes]]
    step: int = 0

    def uniforms(self, width: int) -> Floats:
        """Return (n, width) numbers in the open interval (0, 1)."""
        label = b"reticent-noise-v1:%d:" % self.step
        words = -(-width * 8 // 32)
        blocks = [
            b"".join(
                hmac.digest(self.secret, label + b"%d:" % word + row, hashlib.sha256)
                for word in range(words)
            )[: width * 8]
            for row in self.rows()
        ]
        raw = np.frombuffer(b"".join(blocks), dtype="<u8").reshape(len(blocks), width)
        # 52 bits, not 53: with one more, adding the half rounds the greatest draw up to 1.
        return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


class Defence(Protocol):
    """A pure step of a policy: a frozen dataclass whose fields are its settings.

    Attributes:
        kind: name in configuration files and in the canonical encoding, e.g. "round".
        keyed: True if `apply` draws from `noise`.
    """

    kind: ClassVar[str]
    keyed: ClassVar[bool]

    def narrows(self, channels: Channel) -> Channel:
        """Return the channels still open after this step; never more than it got."""
        ...

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return what is left of the answer.

        Raises: BadPolicy if the step makes no sense for this kind of answer (top-k of a
        regressor), naming the way out.
        """
        ...


@runtime_checkable
class QuickDefence(Protocol):
    """A step that needs no arrays for a few scores; what it leaves is what `apply` does."""

    def apply_few(self, few: Few) -> Few | None:
        """Return what is left of a few answers; None to leave them to `apply`."""
        ...
