"""What a tokeniser does, whichever library it comes from."""

from typing import Protocol


class Codec(Protocol):
    """Turns a text into ids and back."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, nothing added."""
        ...

    def decode(self, ids: list[int]) -> str:
        """Return what ids say."""
        ...
