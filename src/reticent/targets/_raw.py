"""What every local model needs: its columns picked, its errors named, its answers made plain."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from reticent.core import Answer, BadAnswer, BadInput, Floats, Inputs, Ints, ReticentError

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

CHUNK_ROWS = 16_384  # a Gaussian process of 2,000 rows then needs 262 MB a chunk


def guarded(call: Callable[[], T], *, model: str, asked: "Inputs | None" = None) -> T:
    """Return what `call` returns; whatever it raises becomes a BadAnswer that names the model.

    A model that ends the process (SystemExit) has raised too: its exit code is no verdict.

    Args:
        call: what asks the model.
        model: how messages call it.
        asked: the rows that it is asked, to name the columns that are likely to be at fault.
    """
    try:
        return call()
    except ReticentError:
        raise
    except (Exception, SystemExit) as error:
        said = (str(error).strip().splitlines() or ["no message"])[0]
        raise BadAnswer(
            f"{model} raised {type(error).__name__}: {said[:300]}{_odd_columns(asked)}",
            way_out="Ask it with the columns and types it was trained on, or wrap it in a function "
            "that prepares them.",
        ) from error


def _odd_columns(asked: "Inputs | None") -> str:
    """Return a remark on the first columns that many a model cannot take, or nothing.

    It quotes no cell: a message may end in a log, and a cell is somebody's.
    """
    if asked is None or isinstance(asked, np.ndarray):
        return ""
    gaps, texts = [], []
    for j, column in enumerate(map(str, asked.columns)):
        cells = asked.iloc[:, j]
        missing = int(cells.isna().sum())
        number = str(cells.dtype) != "category" and cells.dtype.kind in "biuf"
        if missing:
            gaps.append(f"column {column!r} is missing in {missing} of {len(cells)} rows")
        elif not number:
            texts.append(f"column {column!r} holds text")
        elif not np.isfinite(cells.to_numpy(dtype=np.float64)).all():
            gaps.append(f"column {column!r} holds infinite values")
    odd = "; ".join((gaps or texts)[:3])
    return f" (In what it was asked, {odd}.)" if odd else ""


def in_chunks(ask: Callable[[Inputs], Answer], x: Inputs, *, chunk_rows: int) -> Answer:
    """Return the answers to all rows, asked a bounded number at a time."""
    n = len(x)
    if n <= chunk_rows:
        return ask(x)
    starts = range(0, n, chunk_rows)
    parts = [ask(_rows(x, start, start + chunk_rows)) for start in starts]
    return Answer(
        labels=_joined([part.labels for part in parts]),
        scores=_joined([part.scores for part in parts]),
        values=_joined([part.values for part in parts]),
        embeddings=_joined([part.embeddings for part in parts]),
    )


def _joined(parts: Sequence[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)


def _rows(x: Inputs, start: int, stop: int) -> Inputs:
    return x[start:stop] if isinstance(x, np.ndarray) else x.iloc[start:stop]


def pick(x: Inputs, columns: tuple[str, ...], *, model: str) -> Inputs:
    """Return the rows with exactly the model's columns, in its order.

    A model with named columns gets a table (an array is given the names, in order); a model
    without gets an array.

    Raises: BadInput if a column is missing, or an array has another number of columns.
    """
    if not columns:
        return x if isinstance(x, np.ndarray) else as_array(x)
    if isinstance(x, np.ndarray):
        return _named(x, columns, model)
    if tuple(x.columns) == columns:
        return x
    require(list(map(str, x.columns)), columns, model=model)
    return x[list(columns)]


def require(there: list[str], wanted: Sequence[str], *, model: str) -> None:
    """Raise BadInput for the first wanted column that is not there, with its close matches."""
    have = set(there)
    for column in wanted:
        if column not in have:
            near = get_close_matches(column, there, n=3)
            hint = f" Close: {', '.join(map(repr, near))}." if near else ""
            raise BadInput(
                f"Column {column!r} is missing; {model} takes {len(wanted)} named columns.{hint}",
                way_out="Add or rename the column in the data.",
            )


def _named(x: "np.ndarray[Any, Any]", columns: tuple[str, ...], model: str) -> "pd.DataFrame":
    if x.ndim != 2 or x.shape[1] != len(columns):
        raise BadInput(
            f"An array of shape {x.shape} was asked of {model}, which takes "
            f"{len(columns)} columns.",
            way_out="Pass one column for each of its inputs, in order.",
        )
    import pandas as pd

    return pd.DataFrame(x, columns=list(columns))


def as_array(x: "pd.DataFrame") -> "np.ndarray[Any, Any]":
    """Return a table as numbers where every column is one, as objects otherwise."""
    if all(kind.kind in "biuf" for kind in x.dtypes):
        # By rows: sums over a row then round as they do for an array that came as one.
        return np.ascontiguousarray(x.to_numpy(dtype=np.float64))
    return x.to_numpy(dtype=object)


def as_scores(raw: Any, *, classes: int, model: str) -> Floats:
    """Return (n, k) float64 probabilities; nothing is clipped or scaled.

    Raises: BadAnswer for another shape or for what is not numbers.
    """
    if isinstance(raw, list) and raw and isinstance(raw[0], np.ndarray) and raw[0].ndim == 2:
        raise _several_outputs(model, len(raw))
    scores = _numbers(raw, model=model)
    if scores.ndim != 2 or scores.shape[1] != classes:
        raise BadAnswer(
            f"{model} answered with probabilities of shape {scores.shape}; "
            f"it has {classes} classes, so (n, {classes}) was expected.",
            way_out="Declare its classes in the order of its probabilities.",
        )
    return scores


def as_values(raw: Any, *, model: str) -> Floats:
    """Return (n,) float64 values.

    Raises: BadAnswer if there are several outputs a row, or what came is not numbers.
    """
    values = _numbers(raw, model=model)
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim != 1:
        raise _several_outputs(model, values.shape[-1] if values.ndim else 0)
    return values


def as_labels(raw: Any, classes: tuple[object, ...], *, model: str) -> Ints:
    """Return (n,) the index of each answered class value.

    Raises: BadAnswer if a value is none of the classes, or there are several a row.
    """
    found = np.asarray(raw)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise _several_outputs(model, found.shape[-1] if found.ndim else 0)
    place = {value: i for i, value in enumerate(classes)}
    cells = found.tolist()
    try:
        return np.array([place[cell] for cell in cells], dtype=np.int64)
    except (KeyError, TypeError):
        odd = next(cell for cell in cells if not _known(cell, place))
        raise BadAnswer(
            f"{model} answered {odd!r}, which is none of its classes {list(classes)!r}.",
            way_out="Declare every class the model can answer.",
        ) from None


def _known(cell: Any, place: dict[object, int]) -> bool:
    try:
        return cell in place
    except TypeError:
        return False


def _numbers(raw: Any, *, model: str) -> Floats:
    if hasattr(raw, "toarray"):  # a sparse answer
        raw = raw.toarray()
    try:
        return np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadAnswer(
            f"{model} answered with {type(raw).__name__} that is not a table of numbers.",
            way_out="Return a numeric array with one row for each question.",
        ) from None


def _several_outputs(model: str, count: int) -> BadAnswer:
    return BadAnswer(
        f"{model} answers {count} outputs to a row; one target is audited at a time.",
        way_out="Wrap it in a function that returns the one output under audit.",
    )
