"""Look for indices that would make compiled code read outside its memory.

scikit-learn follows the child and feature indices of a fitted tree without looking. A file can
hold any numbers there, so they are checked once, after loading and before the first question.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reticent.core import BadInput

_GROWN_TOGETHER = ("sklearn.tree.", "sklearn.ensemble._forest", "sklearn.ensemble._gb")
_LEAF = -1
_DEEPEST_WALK = 1_000_000  # objects looked at; a forest of 10,000 trees has about 200,000


def check_structure(model: Any, *, file: str) -> None:
    """Raise BadInput if a tree inside the model points outside itself or its columns."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.neighbors import BallTree, KDTree
    from sklearn.tree._tree import Tree

    for part, width in _walk(model):
        if isinstance(part, Tree):
            sound = _tree_is_sound(part, width)
        elif isinstance(part, TreePredictor):
            sound = _predictor_is_sound(part, width)
        elif isinstance(part, KDTree | BallTree):
            sound = _index_is_sound(part)
        else:
            continue
        if not sound:
            raise BadInput(
                f"{file} holds a {type(part).__name__} whose nodes point outside it.",
                way_out="The file is damaged or forged: get it again from where it was trained.",
            )


def _walk(model: Any) -> Iterator[tuple[Any, int | None]]:
    """Yield every object inside, with the number of columns that its owner is asked with."""
    todo: list[tuple[Any, int | None, bool]] = [(model, None, False)]
    seen: set[int] = set()
    while todo and len(seen) < _DEEPEST_WALK:
        part, width, together = todo.pop()
        if id(part) in seen or part is None or isinstance(part, str | bytes | int | float | type):
            continue
        seen.add(id(part))
        if isinstance(part, np.ndarray):
            if part.dtype.hasobject and part.dtype.names is None:
                todo += [(item, width, together) for item in part.ravel().tolist()]
            continue
        yield part, width
        if isinstance(part, dict):
            todo += [(item, width, together) for item in part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            todo += [(item, width, together) for item in part]
        elif isinstance(state := getattr(part, "__dict__", None), dict):
            own = state.get("n_features_in_", state.get("_n_features"))
            inside = type(part).__module__.startswith(_GROWN_TOGETHER)
            if isinstance(own, int | np.integer):
                width = min(width, int(own)) if together and width is not None else int(own)
            todo += [(item, width, inside) for item in state.values()]


def _children_are_sound(left: NDArray[Any], right: NDArray[Any], inner: NDArray[np.bool_]) -> bool:
    # A grown child always comes after its parent, which also rules out loops.
    n, place = len(left), np.arange(len(left))
    ahead = (left > place) & (left < n) & (right > place) & (right < n)
    return bool(ahead[inner].all())


def _tree_is_sound(tree: Any, width: int | None) -> bool:
    nodes = tree.__getstate__()["nodes"]
    left, right = nodes["left_child"], nodes["right_child"]
    inner = left != _LEAF
    columns = tree.n_features if width is None else min(tree.n_features, width)
    feature = nodes["feature"][inner]
    return (
        len(nodes) > 0
        and _children_are_sound(left, right, inner)
        and bool(((feature >= 0) & (feature < columns)).all())
    )


def _predictor_is_sound(predictor: Any, width: int | None) -> bool:
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    feature = nodes["feature_idx"][inner]
    sets = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    return (
        len(nodes) > 0
        and _children_are_sound(left, right, inner)
        and bool((feature >= 0).all() and (width is None or (feature < width).all()))
        and bool((sets < len(predictor.raw_left_cat_bitsets)).all())
    )


def _index_is_sound(index: Any) -> bool:
    data, places, nodes = (np.asarray(part) for part in index.__getstate__()[:3])
    n, count = len(data), len(nodes)
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    childless = 2 * np.arange(count) + 2 >= count
    return (
        len(places) == n
        and bool(((places >= 0) & (places < n)).all())
        and bool(((starts >= 0) & (starts <= ends) & (ends <= n)).all())
        and bool((nodes["is_leaf"][childless] != 0).all())
    )
