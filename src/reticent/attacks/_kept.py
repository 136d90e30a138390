"""Training rows that a fitted model still holds, and the space it holds them in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reticent.core import Column, Floats, Inputs

INPUTS = "inputs"  # the space of rows that could be brought back to the model's own inputs

# Attributes in which estimators keep rows of people as they got them, and what for.
ROWS = {
    "_fit_X": "neighbours",
    "_tree": "neighbours",
    "tree_": "density points",  # a search tree here; a decision tree has no `data`
    "support_vectors_": "support vectors",
    "X_train_": "gaussian process",
    "X_fit_": "kernel",
    "X_": "label propagation",
    "dual_X_": "kernel",
}
# The same names mean rows of people in these classes alone.
ROWS_OF_CLASS = {
    ("Nystroem", "components_"): "kernel approximation",
    ("DBSCAN", "components_"): "core samples",
    ("AffinityPropagation", "cluster_centers_"): "exemplars",
}
# Averages over people: no row, unless a class or cluster holds one person.
AVERAGES = {
    ("NearestCentroid", "centroids_"): "class centroids",
    ("KMeans", "cluster_centers_"): "cluster centres",
    ("MiniBatchKMeans", "cluster_centers_"): "cluster centres",
    ("BisectingKMeans", "cluster_centers_"): "cluster centres",
}
OUTCOMES = ("_y", "y_train_")
NESTED = ("estimators_", "calibrated_classifiers_")
SINGLE = (
    "best_estimator_",
    "base_estimator_",
    "estimator_",
    "estimator",
    "regressor_",
    "classifier_",
    "nbrs_",
)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A transformer that picks columns, by place or by name."""

    columns: Any

    def transform(self, x: Any) -> Any:
        """Return the picked columns."""
        if isinstance(x, np.ndarray):
            return x[:, self.columns]
        names = np.asarray(self.columns).dtype.kind in "OUST"
        return x.loc[:, self.columns] if names else x.iloc[:, self.columns]

    def inverse_transform(self, rows: Floats) -> Floats:
        """Return the columns in their old places.

        Raises: ValueError if some were left out.
        """
        place = np.asarray(self.columns)
        if place.dtype.kind not in "iu" or not np.array_equal(
            np.sort(place), np.arange(len(place))
        ):
            raise ValueError("columns were left out")
        return rows[:, np.argsort(place)]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Kept:
    """Rows that one part of a model holds.

    Attributes:
        where: path of the part within the model, e.g. "steps.knn".
        keeps: what it needs them for.
        rows: (r, d) as it holds them.
        outcomes: (r,) the label or value kept beside each row, or None.
        through: the transformers that the inputs pass before they reach the part.
        average: True if a row stands for several people.
    """

    where: str
    keeps: str
    rows: Floats
    outcomes: Column | None
    through: tuple[Any, ...]
    average: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    model: Any
    where: str
    through: tuple[Any, ...]


def kept_rows(model: object) -> list[Kept]:
    """Return every set of rows that the model or a part of it holds."""
    return [kept for part in parts_of(model) for kept in _read(part)]


def parts_of(model: object) -> Iterator[_Part]:
    """Yield the model and every fitted part of it, each once."""
    seen: set[int] = set()

    def walk(part: _Part) -> Iterator[_Part]:
        if part.model is None or isinstance(part.model, str) or id(part.model) in seen:
            return
        seen.add(id(part.model))
        yield part
        for child in _children(part):
            yield from walk(child)

    yield from walk(_Part(model, "model", ()))


def in_space(model: object, space: str, x: Inputs) -> Floats:
    """Return inputs `x` as the part of the model at `space` sees them, (n, d).

    Args:
        model: the fitted model.
        space: `INPUTS`, or the `where` of one of its parts.
        x: (n, ...) inputs with every column of the model.

    Raises: ValueError if the model has no such part.
    """
    if space == INPUTS:
        return np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    for part in parts_of(model):
        if part.where == space:
            out: Any = x
            for step in part.through:
                named = hasattr(step, "feature_names_in_") or isinstance(step, Columns)
                out = step.transform(out if named else _unnamed(out))
            return _dense(out)
    raise ValueError(f"the model has no part {space!r}")


def _unnamed(x: Any) -> Any:
    """Return a table as the array that a part which was fitted on arrays has met."""
    return x if isinstance(x, np.ndarray) or not hasattr(x, "to_numpy") else x.to_numpy()


def restored(kept: Kept) -> Floats | None:
    """Return the rows in the space of the model's inputs, or None if there is no way back."""
    out: Any = kept.rows
    for step in reversed(kept.through):
        try:
            out = _dense(_undo(step, out))
        except (ValueError, TypeError, AttributeError, NotImplementedError):
            return None  # no inverse, or text columns: readable, but no numbers
        if out.shape[1] > kept.rows.shape[1]:
            return None  # a projection: its inverse is a guess
    return np.asarray(out, dtype=np.float64)


def _undo(step: Any, rows: Floats) -> Any:
    if isinstance(step, str) and step == "passthrough":
        return rows
    if not hasattr(step, "output_indices_"):
        return step.inverse_transform(rows)
    names = getattr(step, "feature_names_in_", None)
    out = np.full((len(rows), step.n_features_in_), np.nan)
    for name, inner, columns in step.transformers_:
        place: Any = columns
        if np.asarray(columns).dtype.kind in "OUST":
            place = [list(names).index(c) for c in np.atleast_1d(columns)]  # type: ignore[arg-type]  # names are kept when columns are named
        if isinstance(inner, str) and inner == "drop":
            raise ValueError(f"{name} drops columns")
        out[:, place] = _dense(_undo(inner, rows[:, step.output_indices_[name]]))
    return out


def lone_leaves(model: object) -> int:
    """Return how many leaves of decision trees rest on one person: their value is her outcome."""
    found = 0
    for part in parts_of(model):
        tree: Any = getattr(part.model, "tree_", None)
        if hasattr(tree, "n_node_samples"):
            found += int(((tree.children_left == -1) & (tree.n_node_samples == 1)).sum())
    return found


def level_counts(model: object) -> dict[str, int]:
    """Return part -> number of category levels that it lists in clear."""
    found = {}
    for part in parts_of(model):
        levels = getattr(part.model, "categories_", None)
        if isinstance(levels, list):
            found[part.where] = sum(len(column) for column in levels)
    return found


def _children(part: _Part) -> Iterator[_Part]:
    model, where, through = part.model, part.where, part.through
    if steps := getattr(model, "steps", None):
        for name, step in steps:
            if step is None or isinstance(step, str):
                continue  # "passthrough"
            yield _Part(step, f"{where}.{name}", through)
            through = (*through, step)
        return
    for name, step, columns in getattr(model, "transformers_", None) or ():
        yield _Part(step, f"{where}.{name}", (*through, Columns(columns)))
    for name, step in getattr(model, "transformer_list", None) or ():
        yield _Part(step, f"{where}.{name}", through)
    for attribute in NESTED:
        members = getattr(model, attribute, None)
        if members is None or not isinstance(members, (list, tuple, np.ndarray)):
            continue
        # A list is taken as it is: a pipeline inside would be unpacked into its steps.
        flat: Sequence[Any] = (
            members.ravel().tolist() if isinstance(members, np.ndarray) else members
        )
        picked = getattr(model, "estimators_features_", None)
        for i, member in enumerate(flat):
            before = (*through, Columns(picked[i])) if picked is not None else through
            yield _Part(member, f"{where}.{attribute}.{i}", before)
    for attribute in SINGLE:
        child = getattr(model, attribute, None)
        if child is not None and hasattr(child, "__dict__"):
            yield _Part(child, f"{where}.{attribute}", through)


def _read(part: _Part) -> Iterator[Kept]:
    kind = type(part.model).__name__
    known = {
        **{name: (keeps, False) for name, keeps in ROWS.items()},
        **{name: (keeps, False) for (cls, name), keeps in ROWS_OF_CLASS.items() if cls == kind},
        **{name: (keeps, True) for (cls, name), keeps in AVERAGES.items() if cls == kind},
    }
    done = False
    for name, (keeps, average) in known.items():
        rows = None if done else _table(_attribute(part.model, name))
        if rows is None:
            continue
        done = True  # a neighbours model holds the same rows twice: as a table and as a search tree
        yield Kept(
            where=part.where,
            keeps=keeps,
            rows=rows,
            outcomes=_outcomes(part.model, len(rows)),
            through=part.through,
            average=average,
        )


def _attribute(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except (AttributeError, ValueError, NotImplementedError):
        return None  # a property that this kind of model cannot answer


def _table(value: Any) -> Floats | None:
    """Return (r, d) numbers if that is what the attribute holds, directly or as a search tree."""
    value = getattr(value, "data", None) if hasattr(value, "query") else value
    if value is None or isinstance(value, (str, bytes)):
        return None
    try:
        rows = _dense(value)
    except (ValueError, TypeError):
        return None
    return rows if rows.ndim == 2 and rows.size else None


def _dense(value: Any) -> Floats:
    if hasattr(value, "toarray"):
        value = value.toarray()
    return np.asarray(value, dtype=np.float64)


def _outcomes(model: Any, n: int) -> Column | None:
    counts, classes = _attribute(model, "n_support_"), _attribute(model, "classes_")
    if counts is not None and classes is not None and int(np.sum(counts)) == n:
        return np.repeat(np.asarray(classes), counts)  # support vectors stand class by class
    for name in OUTCOMES:
        y = _attribute(model, name)
        if y is None or np.ndim(y) != 1 or len(y) != n:
            continue
        y = np.asarray(y)
        whole = y.dtype.kind in "iu" and classes is not None and np.ndim(classes) == 1
        return np.asarray(classes)[y] if whole else y
    return None
