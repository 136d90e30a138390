"""What the requests of a kept connection have in common, worked out once.

A seat is kept beside a head that the connection repeats, see `KnownHead`. Who is asking is still
found out for every request, since keys end and are revoked. The rest follows from the caller, the
head, the address and the configuration, so it holds for as long as those are the very same.
"""

from typing import final

from reticent.guard.gates import Gate, Gates
from reticent.guard.types import Caller, Frame, Proof, Scope

_MOST_FRAMES = 16


@final
class Seat:
    """A caller's place before one gate.

    Attributes:
        proof: what the head shows of who is asking; None until it was read.
        caller: whose it is; None until it is taken.
        gates: those in force when it was taken; likewise.
        gate: the one that the head leads to, whatever the body says.
        address: to count rows by.
        media_type: of the body.
        scopes: who is counted.
        frames: by number of rows, what the journal's rows of answers have in common.
    """

    __slots__ = ("address", "caller", "frames", "gate", "gates", "media_type", "proof", "scopes")

    def __init__(self) -> None:
        self.proof: Proof | None = None
        self.caller: Caller | None = None
        self.gates: Gates | None = None

    def take(
        self,
        gates: Gates,
        gate: Gate,
        caller: Caller,
        *,
        address: str,
        media_type: str,
        scopes: tuple[Scope, ...],
    ) -> None:
        """Give it to a caller."""
        self.caller = caller
        self.gates = gates
        self.gate = gate
        self.address = address
        self.media_type = media_type
        self.scopes = scopes
        self.frames: dict[int, Frame] = {}

    def keep(self, rows: int, frame: Frame) -> None:
        """Remember what the journal's rows of answers to so many rows have in common."""
        if len(self.frames) < _MOST_FRAMES:
            self.frames[rows] = frame
