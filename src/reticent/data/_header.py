"""What a text table's own first line says, where the engine would guess in silence."""

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from reticent.core import BadInput

_DELIMITERS = (",", ";", "\t", "|")
_MOST_ROWS = 1_000_000  # looked at to name the first uneven one


def check_header(path: str | Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Check that the engine's columns are those of the first line.

    Given uneven rows the engine takes the file for a single column, or starts at a later row; of
    two columns with one name it renames the second.

    Args:
        path: a text file that was opened already.
        found: the engine's column names.
        wanted: those that are needed.

    Raises: BadInput for a wanted name that stands twice, or for uneven rows.
    """
    with (
        suppress(csv.Error),
        Path(path).open(encoding="utf-8-sig", errors="replace", newline="") as file,
    ):
        first = file.readline()
        delimiter = max(_DELIMITERS, key=first.count)
        names = next(csv.reader([first], delimiter=delimiter), [])
        twice = [name for name in wanted if names.count(name) > 1]
        if twice:
            raise BadInput(
                f"{Path(path).name} has {names.count(twice[0])} columns called {twice[0]!r}.",
                way_out="Give each column a name of its own: which of them is meant cannot be "
                "told.",
            )
        if len(names) < 2 or set(wanted) <= set(found) or not set(wanted) <= set(names):
            return
        for i, line in enumerate(file):
            cells = next(csv.reader([line], delimiter=delimiter), [])
            if cells and len(cells) != len(names):
                raise BadInput(
                    f"Line {i + 2} of {Path(path).name} has {len(cells)} cells; its first line "
                    f"has {len(names)}.",
                    way_out="Write the table again, with as many cells in every row.",
                )
            if i > _MOST_ROWS:
                return
