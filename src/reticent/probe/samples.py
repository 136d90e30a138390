"""Rows to ask about: from a file, from declared ranges, or made up."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from reticent.config.guard import Input
from reticent.core import BadInput

MOST_ROWS = 200
_MOST_BYTES = 1 << 24


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample:
    """Rows that a model may be asked about.

    Attributes:
        columns: input names in order; () where they have none.
        rows: each a list of cells (nested for arrays of more dimensions).
    """

    columns: tuple[str, ...]
    rows: tuple[Any, ...]


def read_sample(path: Path) -> Sample:
    """Return the rows of a CSV file, with a header or all numbers; at most `MOST_ROWS`.

    Raises: BadInput if it cannot be read, or its rows have different lengths.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{path} is larger than 16 MiB.", way_out="A few dozen rows are enough.")
        lines = list(csv.reader(path.read_text("utf-8").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BadInput(
            f"The sample {path} cannot be read ({said}).",
            way_out="Name a CSV file of inputs, without the outcome.",
        ) from error
    lines = [line for line in lines if line]
    has_header = bool(lines) and any(_number(cell) is None for cell in lines[0])
    columns = tuple(lines[0]) if has_header else ()
    rows = lines[1:] if has_header else lines
    if not rows or any(len(row) != len(lines[0]) for row in lines):
        raise BadInput(
            f"The sample {path} holds no rows, or rows of different lengths.",
            way_out="Give a CSV file with one row a question.",
        )
    return Sample(columns=columns, rows=tuple([_cell(c) for c in row] for row in rows[:MOST_ROWS]))


def declared_rows(inputs: Sequence[Input], n: int, rng: np.random.Generator) -> Sample:
    """Return n rows that keep to declared inputs."""
    rows = tuple([_drawn(each, rng) for each in inputs] for _ in range(n))
    return Sample(columns=tuple(each.name for each in inputs), rows=rows)


def made_up_rows(
    shape: Sequence[int], n: int, rng: np.random.Generator, *, columns: Sequence[str] = ()
) -> Sample:
    """Return n rows of numbers of a shape: of nothing are the ranges known, so sizes differ widely.

    Each row has a size of its own (0.01 to 1,000, evenly on a logarithmic scale), so that small
    and large rows come, which a model is likely to tell apart.
    """
    size = 10 ** rng.uniform(-2, 3, n)
    cells = size.reshape(n, *([1] * len(shape))) * rng.lognormal(0, 1, (n, *shape))
    rounded = np.array([float(f"{x:.6g}") for x in cells.ravel()]).reshape(cells.shape)
    return Sample(columns=tuple(columns), rows=tuple(rounded.tolist()))


def _drawn(declared: Input, rng: np.random.Generator) -> Any:
    if declared.values:
        return declared.values[int(rng.integers(len(declared.values)))]
    if declared.kind == "boolean":
        return bool(rng.integers(2))
    if declared.kind == "text":
        return "text"[: declared.longest]
    low = declared.low if declared.low is not None else min(0.0, declared.high or 0.0)
    high = declared.high if declared.high is not None else max(1.0, 2 * abs(low))
    if declared.kind == "integer":
        return int(rng.integers(math.ceil(low), math.floor(high) + 1))
    return min(max(float(f"{rng.uniform(low, high):.6g}"), low), high)


def _cell(text: str) -> Any:
    found = _number(text)
    return text if found is None else found


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
