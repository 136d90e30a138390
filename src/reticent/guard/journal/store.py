"""What the journal needs of the place where its rows are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from reticent.guard.journal.chain import Head, Row
from reticent.guard.journal.checkpoint import Checkpoint

#: The chain of erasures; its rows say what was thrown away, in which other chain, and why.
KEEPER = "keeper"


class StoreAway(Exception):
    """A store cannot be read or written now; whether the last write counted is open."""


class Store(Protocol):
    """One place with rows of several chains. Everything blocks: not for an event loop."""

    def open(self, chain: str) -> Head | None:
        """Take hold of a chain, as its only writer, and return where it ends; None if it is new.

        Raises:
            StoreAway: not now.
            BadInput: another process writes this chain, or the place is no journal.
        """
        ...

    def write(
        self, chain: str, rows: Sequence[Row], checkpoint: Checkpoint | None, *, durable: bool
    ) -> None:
        """Add all of this or nothing; with `durable` it is on disk afterwards.

        Raises: StoreAway.
        """
        ...

    def erase(
        self, pairs: Mapping[str, Sequence[Sequence[int]]], row: Row, checkpoint: Checkpoint
    ) -> None:
        """Throw away the text of rows and add `row` to the keeper's chain: all or nothing.

        Args:
            pairs: chain -> (first, last) sequences.
            row: the erasure's own.
            checkpoint: of the keeper's chain with that row.

        Raises: StoreAway.
        """
        ...

    def scrub(self, *, compact: bool) -> bool:
        """Overwrite what erased rows leave behind on disk; return whether all of it is gone.

        Args:
            compact: also give their space back, which needs the store to itself for a while.

        Raises: StoreAway.
        """
        ...

    def chains(self) -> list[str]:
        """Return the names of the chains, the keeper's last. Raises: StoreAway."""
        ...

    def rows(self, chain: str, after: int = 0) -> Iterator[Row]:
        """Yield the rows of a chain whose sequence is above `after`, rising. Raises: StoreAway."""
        ...

    def checkpoints(self, chain: str) -> Iterator[bytes]:
        """Yield the checkpoints of a chain as lines of JSON, rising. Raises: StoreAway."""
        ...

    def last_checkpoint(self, chain: str) -> bytes:
        """Return the last of them, b"" if there is none. Raises: StoreAway."""
        ...

    def close(self) -> None:
        """Let go; nothing is raised."""
        ...
