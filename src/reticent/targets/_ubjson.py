"""Check an XGBoost model's bytes before XGBoost reads them: it follows a forged length anywhere.

The format is UBJSON as XGBoost writes it: keys and lengths are 8-byte, arrays are counted.
Nothing is checked that only makes answers wrong; only what makes compiled code leave its memory.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBERS = {
    ord(mark): np.dtype(kind)
    for mark, kind in {
        "i": ">i1",
        "U": ">u1",
        "I": ">i2",
        "l": ">i4",
        "L": ">i8",
        "d": ">f4",
        "D": ">f8",
    }.items()
}
_WORDS = {ord("T"): True, ord("F"): False, ord("Z"): None}
_DEEPEST = 64


def is_sound(raw: bytes) -> bool:
    """Return whether the bytes are a whole model whose trees point inside themselves."""
    try:
        model, end = _value(raw, 0, 0)
        return end == len(raw) and isinstance(model, dict) and _learner_is_sound(model)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return False


def _value(raw: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    mark, at = raw[at], at + 1
    if mark in _WORDS:
        return _WORDS[mark], at
    if mark in _NUMBERS:
        found, at = _raw(raw, at, _NUMBERS[mark], 1)
        return found[0].item(), at
    if mark == ord("S"):
        return _text(raw, at)
    if mark == ord("{"):
        held: dict[str, Any] = {}
        while raw[at] != ord("}"):
            key, at = _text(raw, at)
            if key in held:
                raise ValueError("a key twice: readers differ on which counts")
            held[key], at = _value(raw, at, depth + 1)
        return held, at + 1
    if mark == ord("["):
        return _array(raw, at, depth)
    raise ValueError("no such mark")


def _array(raw: bytes, at: int, depth: int) -> tuple[Any, int]:
    if raw[at] == ord("$"):
        kind = _NUMBERS[raw[at + 1]]
        if raw[at + 2] != ord("#"):
            raise ValueError("a typed array without a count")
        count, at = _length(raw, at + 3)
        return _raw(raw, at, kind, count)
    if raw[at] != ord("#"):
        raise ValueError("an array without a count")
    count, at = _length(raw, at + 1)
    if count > len(raw) - at:
        raise ValueError("a count beyond the end")
    items = []
    for _ in range(count):
        item, at = _value(raw, at, depth + 1)
        items.append(item)
    return items, at


def _length(raw: bytes, at: int) -> tuple[int, int]:
    if raw[at] != ord("L"):
        raise ValueError("a length that is not 8 bytes")
    count = int.from_bytes(raw[at + 1 : at + 9], "big", signed=True)
    if count < 0 or count > len(raw):
        raise ValueError("a length beyond the end")
    return count, at + 9


def _text(raw: bytes, at: int) -> tuple[str, int]:
    count, at = _length(raw, at)
    if at + count > len(raw):
        raise ValueError("a text beyond the end")
    return raw[at : at + count].decode(), at + count


def _raw(raw: bytes, at: int, kind: "np.dtype[Any]", count: int) -> tuple[NDArray[Any], int]:
    end = at + kind.itemsize * count
    if end > len(raw):
        raise ValueError("numbers beyond the end")
    return np.frombuffer(raw, dtype=kind, count=count, offset=at), end


def _learner_is_sound(model: dict[str, Any]) -> bool:
    learner = model.get("Model", model)["learner"]
    params = learner["learner_model_param"]
    columns = int(params["num_feature"])
    groups = max(int(params["num_class"]), int(params.get("num_target", 1)), 1)
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        return len(booster["model"]["weights"]) == (columns + 1) * groups
    forest = (booster["gbtree"] if booster["name"] == "dart" else booster)["model"]
    if booster["name"] == "dart" and len(booster["weight_drop"]) != len(forest["trees"]):
        return False
    info, trees = np.asarray(forest["tree_info"]), forest["trees"]
    ends = np.asarray(forest["iteration_indptr"])
    return bool(
        len(info) == len(trees) == int(forest["gbtree_model_param"]["num_trees"])
        and ((info >= 0) & (info < groups)).all()
        and ends[0] == 0
        and ends[-1] == len(trees)
        and (np.diff(ends) >= 0).all()
        and all(_tree_is_sound(tree, columns) for tree in trees)
    )


def _tree_is_sound(tree: dict[str, Any], columns: int) -> bool:
    left, right = (np.asarray(tree[side], dtype=np.int64) for side in _SIDES)
    splits = np.asarray(tree["split_indices"], dtype=np.int64)
    n = len(left)
    if (
        int(tree["tree_param"]["num_nodes"]) != n
        or int(tree["tree_param"]["num_feature"]) > columns
    ):
        return False
    if n == 0 or any(len(tree[part]) != n for part in _PER_NODE):
        return False
    inner = left != -1
    if ((right != -1) != inner).any():
        return False
    children = np.concatenate([left[inner], right[inner]])
    # One parent each and none for the root: no path from the root can close a loop.
    inside = bool(((children > 0) & (children < n)).all())
    if not inside or (len(children) and np.bincount(children).max() > 1):
        return False
    if not ((splits[inner] >= 0) & (splits[inner] < columns)).all():
        return False
    nodes, starts, sizes, held = (np.asarray(tree[part], dtype=np.int64) for part in _CATEGORIES)
    categorical = np.flatnonzero(np.asarray(tree["split_type"])[inner] != 0)
    return bool(
        len(nodes) == len(starts) == len(sizes) == len(categorical)
        and ((nodes >= 0) & (nodes < n)).all()
        and (starts >= 0).all()
        and (sizes > 0).all()
        and (starts + sizes <= len(held)).all()
        and (held >= 0).all()
        and (held < _MOST_CATEGORIES).all()
    )


_SIDES = ("left_children", "right_children")
_PER_NODE = (
    "right_children",
    "split_indices",
    "split_type",
    "split_conditions",
    "default_left",
    "parents",
    "base_weights",
)
_CATEGORIES = ("categories_nodes", "categories_segments", "categories_sizes", "categories")
_MOST_CATEGORIES = 1 << 24
