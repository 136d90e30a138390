"""What a canary looks like: the text around a secret, and every secret it could have been."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from reticent.core import BadInput


@final
@dataclass(frozen=True, slots=True)
class CanaryFormat:
    """The space of secrets: one option for each slot, one slot after the other.

    Attributes:
        name: "digits", "hex", "names", or a name of one's own.
        slots: the options of each slot; a secret is one of each, joined.

    Raises: BadInput if a slot has fewer than two options or the same one twice, or if two
        different choices give one secret where that can be seen.
    """

    name: str
    slots: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.slots:
            raise BadInput(f"Canary format {self.name!r} has no slots.", way_out="Give it one.")
        for i, slot in enumerate(self.slots, start=1):
            if len(slot) < 2 or len(set(slot)) < len(slot) or "" in slot:
                raise BadInput(
                    f"Slot {i} of canary format {self.name!r} needs two or more different options, "
                    "none of them empty.",
                    way_out="Drop repeated options.",
                )

    @property
    def size(self) -> int:
        """Return the number of secrets."""
        return math.prod(len(slot) for slot in self.slots)

    @property
    def bits(self) -> float:
        """Return log2 of the number of secrets: the most exposure that there can be."""
        return math.log2(self.size)

    def draw(self, rng: np.random.Generator) -> str:
        """Return a secret, every one as likely as any other."""
        return "".join(slot[int(rng.integers(len(slot)))] for slot in self.slots)

    def choices(self, secret: str) -> tuple[int, ...]:
        """Return which option of each slot makes a secret.

        Raises: BadInput if none does.
        """
        ways: list[tuple[int, tuple[int, ...]]] = [(0, ())]
        for slot in self.slots:
            ways = [
                (at + len(option), (*picked, i))
                for at, picked in ways
                for i, option in enumerate(slot)
                if secret.startswith(option, at)
            ]
        for at, picked in ways:
            if at == len(secret):
                return picked
        raise BadInput(
            f"{secret!r} is no secret of the canary format {self.name!r}.",
            way_out="Give the list of canaries the format that they were made with.",
        )


def digits(count: int) -> CanaryFormat:
    """Return the space of `count` decimal digits.

    >>> digits(8).size, round(digits(8).bits, 1)
    (100000000, 26.6)
    """
    return CanaryFormat("digits", (tuple("0123456789"),) * count)


def hexadecimal(count: int) -> CanaryFormat:
    """Return the space of `count` hexadecimal digits in lower case."""
    return CanaryFormat("hex", (tuple("0123456789abcdef"),) * count)


def names(given: Sequence[str], count: int = 2) -> CanaryFormat:
    """Return the space of `count` names one after the other, a space between."""
    kept = tuple(dict.fromkeys(given))
    behind = tuple(f" {name}" for name in kept)
    return CanaryFormat("names", (kept,) + (behind,) * (count - 1))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A sentence with a secret in it.

    Attributes:
        before: what stands before the secret, and what an adversary knows; it ends in no space.
        secret: one of the format's.
        joint: what stands between both, part of the question to the model: "" or " ".
        after: what stands behind the secret.
        format: what the secret could have been.
    """

    before: str
    secret: str
    format: CanaryFormat
    joint: str = " "
    after: str = "."

    @property
    def text(self) -> str:
        """Return the sentence."""
        return f"{self.before}{self.joint}{self.secret}{self.after}"
