"""What must be true of the data before anything is measured on it."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from reticent.core import BadInput


def require_columns(there: Iterable[str], wanted: Sequence[str], *, where: str) -> None:
    """Raise BadInput for the first wanted column that is not there, with its close matches."""
    have = list(map(str, there))
    for column in wanted:
        if column not in have:
            near = get_close_matches(column, have, n=3, cutoff=0.5)
            folded = [c for c in have if c.casefold() == column.casefold()]
            close = ", ".join(map(repr, dict.fromkeys(folded + near)))
            raise BadInput(
                f"Column {column!r} is not in {where}.{f' Close: {close}.' if close else ''}",
                way_out="Correct the name, or add the column to the data.",
            )
