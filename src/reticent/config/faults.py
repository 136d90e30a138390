"""One thing that is wrong with a configuration."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from reticent.config.lines import Key

LONGEST_VALUE = 80
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a key.

    Attributes:
        key: path of the key, such as ("policy", 0, "name").
        what: the value that was found and the rule that it broke.
        way_out: what to do about it; may be empty.
    """

    key: Key
    what: str
    way_out: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}".strip()


def written(key: Key) -> str:
    """Return a key as people write it: model.owner, policy[1].name (counted from 1)."""
    text = ""
    for part in key:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def shown(value: object) -> str:
    """Return a value as a message shows it: on one line, cut short, without passwords in URLs."""
    try:
        text = _CREDENTIALS.sub("***", repr(value))
    except (ValueError, RecursionError):  # an integer of thousands of digits, a bottomless list
        text = f"a {type(value).__name__} too big to print"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return a question naming the likeliest known name, or nothing."""
    close = get_close_matches(found, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
