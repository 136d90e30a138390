"""Texts as questions to an embedder, and what an attack claims a vector was made from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reticent.core.errors import BadInput
from reticent.core.types import Column, Floats, Inputs


def as_texts(texts: Iterable[str]) -> Column:
    """Return texts as a model takes them, (n, 1) of objects: one column, one text a row.

    A one-column table of texts is the same question, and so is what a guard reads off the wire:
    all three have the same canonical bytes, so noise keyed by the question is the same.

    Raises: BadInput for what is no text.

    >>> as_texts(["one", "two"]).shape
    (2, 1)
    """
    found = list(texts)
    for i, text in enumerate(found):
        if not isinstance(text, str):
            raise BadInput(
                f"Row {i} is a {type(text).__name__}; an embedder takes texts.",
                way_out="Give a list of texts.",
            )
    x = np.empty((len(found), 1), dtype=object)
    x[:, 0] = found
    return x


def texts_of(x: Inputs) -> list[str]:
    """Return the texts of a one-column table, or of an array of shape (n, 1) or (n,).

    Raises: BadInput if there are several columns, or a cell is no text.

    >>> texts_of(as_texts(["one", "two"]))
    ['one', 'two']
    """
    if isinstance(x, np.ndarray):
        width = 1 if x.ndim == 1 else int(np.prod(x.shape[1:]))
        cells: list[Any] = x.ravel().tolist() if width == 1 else []
    else:
        width = x.shape[1]
        cells = x.iloc[:, 0].tolist() if width == 1 else []
    if width != 1:
        raise BadInput(
            f"An embedder was asked rows of {width} cells; it takes one text a row.",
            way_out="Give a table with the one column that holds the text.",
        )
    for i, cell in enumerate(cells):
        if not isinstance(cell, str):
            raise BadInput(
                f"Row {i} is a {type(cell).__name__}; an embedder takes texts.",
                way_out="Drop rows without a text, or write an empty one.",
            )
    return cells


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TextReconstructionClaim:
    """One text for each vector.

    Attributes:
        texts: n texts; "" where the attack says nothing.
        confidence: (n,) how sure the attack is, by its own measure; higher is surer. Never a
            judge's.
        notes: what the attack chose or found on the way (printed, never graded).
    """

    texts: tuple[str, ...]
    confidence: Floats
    notes: Mapping[str, Any] = field(default_factory=dict)
